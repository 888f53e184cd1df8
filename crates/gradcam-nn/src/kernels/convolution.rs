//! Convolution and the gradient of its input, with weights packed once.

#![allow(unsafe_code)]

use std::borrow::Cow;

use super::copies::{apart, as_runs, transposed};
use super::depthwise;
use super::element::Element;
use super::epilogue::Epilogue;
use super::gather::Gather;
use super::geometry::Geometry;
use super::linear;
use super::output::filled;
use super::packed::{Form, Packed, PackedWeights};
use super::precision::Precision;
use super::product::Product;
use super::view::Map;
use super::winograd::{Size, Winograd};

/// Below this number of input channels, the taps of a kernel's row are read as one run.
const FEW: usize = 16;

/// Runs the forward pass: `weight` is `(out, c / groups, kh, kw)`, the result `(n, oh, ow, out)`.
pub(crate) fn forward<T: Element>(
    x: Map<'_, T>,
    weight: &[T],
    packed: &PackedWeights,
    precision: Precision,
    g: &Geometry,
    epilogue: Epilogue<'_, T>,
) -> Vec<T> {
    let mut gather = Gather::forward(g);
    let x = if g.groups == 1 && g.in_channels < FEW && g.kernel.1 > 1 && g.dilation.1 == 1 {
        Cow::Owned(as_runs(x, &mut gather))
    } else {
        x.channels_last()
    };
    if g.is_linear() {
        return as_linear(&x, weight, g, epilogue);
    }
    if precision == Precision::Bf16
        && let Some(y) = T::convolve_bf16(&x, weight, packed, &gather, g, epilogue)
    {
        return y;
    }
    let packed = T::packed(packed);
    if let Some(size) = Size::of(&gather, g.groups, g.out_channels) {
        let winograd = Winograd {
            kernel: T::kernels().dense,
            gather: &gather,
            x: &x,
            batch: g.batch,
            channels: g.out_channels,
            epilogue,
        };
        return winograd.run(size, &packed.forward_tiles, |tap, input, output| {
            weight[(output * g.in_channels + input) * g.taps() + tap]
        });
    }
    let form = packed.forward(&T::kernels().dense, weight, g);
    compute(
        &x,
        &[gather],
        std::slice::from_ref(form),
        g.batch,
        g.out_size,
        g.out_channels,
        epilogue,
    )
}

/// Computes the gradient of the input, `(n, h, w, c)`, from `grad`, `(n, oh, ow, out)`. The kernel's gradient is not computed.
pub(crate) fn backward<T: Element>(
    grad: &[T],
    weight: &[T],
    packed: &Packed<T>,
    g: &Geometry,
) -> Vec<T> {
    if g.is_linear() {
        let inputs = g.in_channels * g.taps();
        let dx = linear::backward(grad, weight, inputs, g.out_channels);
        return transposed(&dx, g.in_channels, g.taps());
    }
    let gathers = Gather::backward(g);
    if let [gather] = &gathers[..]
        && let Some(size) = Size::of(gather, g.groups, g.in_channels)
    {
        let winograd = Winograd {
            kernel: T::kernels().dense,
            gather,
            x: grad,
            batch: g.batch,
            channels: g.in_channels,
            epilogue: Epilogue::NONE,
        };
        return winograd.run(size, &packed.backward_tiles, |tap, output, input| {
            // The last tap comes first, see `classes`.
            weight[(output * g.in_channels + input + 1) * g.taps() - 1 - tap]
        });
    }
    let forms = packed.backward(&T::kernels().dense, weight, g);
    compute(
        grad,
        &gathers,
        forms,
        g.batch,
        g.in_size,
        g.in_channels,
        Epilogue::NONE,
    )
}

/// Runs a convolution whose kernel covers the whole input, without packing: each weight is used once per image.
fn as_linear<T: Element>(x: &[T], weight: &[T], g: &Geometry, epilogue: Epilogue<'_, T>) -> Vec<T> {
    let (inputs, channels) = (g.in_channels * g.taps(), g.out_channels);
    let x = transposed(x, g.taps(), g.in_channels);
    let sums = linear::forward(&x, weight, None, inputs, channels);
    // SAFETY: the rows cover the whole result.
    unsafe {
        filled(sums.len(), |out| {
            let starts: Vec<usize> = (0..sums.len()).step_by(channels.max(1)).collect();
            epilogue.write(&sums, channels, 0..channels, &starts, out);
        })
    }
}

/// Computes gathers that together cover the result `(batch, size.0, size.1, channels)`.
fn compute<T: Element>(
    x: &[T],
    gathers: &[Gather],
    forms: &[Form<T>],
    batch: usize,
    size: (usize, usize),
    channels: usize,
    epilogue: Epilogue<'_, T>,
) -> Vec<T> {
    let panels = forms.iter().map(|form| match form {
        Form::Depthwise(_) => 0,
        Form::Panels(panels) => panels.count(),
    });
    let (x, pixel) = apart(x, &gathers[0], panels.max().unwrap_or(0));
    // SAFETY: the gathers partition the positions, and each writes all channels of its own.
    unsafe {
        filled(batch * size.0 * size.1 * channels, |out| {
            let kernels = T::kernels();
            for (gather, form) in gathers.iter().zip(forms) {
                match form {
                    Form::Depthwise(weight) => {
                        let kernel = &kernels.depthwise;
                        depthwise::run(out, size, &x, weight, gather, batch, kernel, epilogue);
                    }
                    Form::Panels(panels) => {
                        let gather = Gather {
                            pixel,
                            ..gather.clone()
                        };
                        Product {
                            kernel: kernels.dense,
                            panels,
                            gather: &gather,
                            x: &x,
                            batch,
                            size,
                            epilogue,
                        }
                        .run(out);
                    }
                }
            }
        })
    }
}
