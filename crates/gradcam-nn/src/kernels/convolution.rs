//! Convolution and the gradient of its input, over weights that are packed once.

#![allow(unsafe_code)]

use std::borrow::Cow;
use std::sync::OnceLock;

use super::Element;
use super::copies::{apart, as_runs, converted, transposed};
use super::depthwise;
use super::element::PackedWeights;
use super::epilogue::Epilogue;
use super::gather::{Gather, classes};
use super::geometry::Geometry;
use super::linear;
use super::micro::{Kernel, bf16};
use super::output::filled;
use super::panels::Panels;
use super::product::Product;
use super::winograd::{Size, Transformed, Winograd};
use crate::dispatch::Map;
use crate::ops::Precision;

/// Input channels below which the taps of a kernel's row are read as one run.
const FEW: usize = 16;
/// A convolution's weights as the kernels read them, made when they are first needed.
pub(crate) struct Packed<T> {
    forward: OnceLock<Form<T>>,
    /// One for each class of positions, see [`Gather::backward`].
    backward: OnceLock<Vec<Form<T>>>,
    forward_tiles: Transformed<T>,
    backward_tiles: Transformed<T>,
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Packed {
            forward: OnceLock::new(),
            backward: OnceLock::new(),
            forward_tiles: Transformed::default(),
            backward_tiles: Transformed::default(),
        }
    }
}

enum Form<T> {
    Panels(Panels<T>),
    /// `(taps, c)`.
    Depthwise(Vec<T>),
}

impl<T: Element> Packed<T> {
    /// `weight` is `(out, c / groups, kh, kw)`.
    fn forward(&self, weight: &[T], g: &Geometry) -> &Form<T> {
        self.forward.get_or_init(|| {
            if g.is_depthwise() {
                let taps = (0..g.taps()).collect::<Vec<_>>();
                return depthwise_form(weight, g, &taps);
            }
            Form::Panels(forward_panels(&T::kernels().dense, weight, g, |w| w))
        })
    }

    fn backward(&self, weight: &[T], g: &Geometry) -> &[Form<T>] {
        self.backward.get_or_init(|| {
            let rows = classes(g.kernel.0, g.stride.0, g.dilation.0);
            let columns = classes(g.kernel.1, g.stride.1, g.dilation.1);
            let taps = rows.iter().flat_map(|rows| {
                columns.iter().map(move |columns| {
                    let taps = rows
                        .iter()
                        .flat_map(|ky| columns.iter().map(move |kx| ky * g.kernel.1 + kx));
                    taps.collect::<Vec<_>>()
                })
            });
            taps.map(|taps| {
                if g.is_depthwise() {
                    return depthwise_form(weight, g, &taps);
                }
                let (inputs, outputs) = (g.group_in(), g.group_out());
                Form::Panels(Panels::new(
                    &T::kernels().dense,
                    g.groups,
                    inputs,
                    (taps.len(), outputs),
                    |group, tap, output, channel| {
                        let tap = taps[tap];
                        weight[((group * outputs + output) * inputs + channel) * g.taps() + tap]
                    },
                ))
            })
            .collect()
        })
    }
}

/// The panels of the forward pass, with every weight converted.
fn forward_panels<T: Copy, A: Copy + Default, S>(
    kernel: &Kernel<A, S>,
    weight: &[T],
    g: &Geometry,
    convert: impl Fn(T) -> A,
) -> Panels<A> {
    let (inputs, outputs) = (g.group_in(), g.group_out());
    let terms = (g.taps(), inputs);
    Panels::new(
        kernel,
        g.groups,
        outputs,
        terms,
        |group, tap, input, channel| {
            let output = group * outputs + channel;
            convert(weight[(output * inputs + input) * g.taps() + tap])
        },
    )
}

fn depthwise_form<T: Element>(weight: &[T], g: &Geometry, taps: &[usize]) -> Form<T> {
    let channels = g.in_channels;
    let values = taps
        .iter()
        .flat_map(|tap| (0..channels).map(move |channel| weight[channel * g.taps() + tap]));
    Form::Depthwise(values.collect())
}

/// The forward pass: `weight` is `(out, c / groups, kh, kw)`, the result `(n, oh, ow, out)`.
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
    let form = packed.forward(weight, g);
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

/// The gradient of the input, `(n, h, w, c)`: `grad` is `(n, oh, ow, out)`. The kernel's gradient is not computed.
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
    let forms = packed.backward(weight, g);
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

/// A kernel that covers the whole input, without packing: each weight is used once an image.
fn as_linear<T: Element>(x: &[T], weight: &[T], g: &Geometry, epilogue: Epilogue<'_, T>) -> Vec<T> {
    let (inputs, channels) = (g.in_channels * g.taps(), g.out_channels);
    let x = transposed(x, g.taps(), g.in_channels);
    let sums = linear::forward(&x, weight, None, inputs, channels);
    // SAFETY: the rows are the whole.
    unsafe {
        filled(sums.len(), |out| {
            epilogue.write(&sums, channels, 0..channels, |row| {
                (row * channels, out.part(row * channels, channels))
            });
        })
    }
}

/// Computes the gathers, which part the positions of the result `(batch, size.0, size.1, channels)` among them.
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
    // SAFETY: the gathers part the positions among them, and each writes all channels of its own.
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

/// The forward pass with factors rounded to bf16 and sums in `f32`; none where the processor cannot, for a depthwise convolution, which is
/// bound by memory, or where a tap reads an odd number of values.
pub(crate) fn forward_bf16(
    x: &[f32],
    weight: &[f32],
    packed: &PackedWeights,
    gather: &Gather,
    g: &Geometry,
    epilogue: Epilogue<'_, f32>,
) -> Option<Vec<f32>> {
    let kernel = bf16()?;
    if g.is_depthwise() || !gather.depth.is_multiple_of(2) {
        return None;
    }
    let panels = packed
        .bf16
        .get_or_init(|| forward_panels(&kernel, weight, g, rounded));
    let (x, gather) = converted(x, gather, rounded);
    let len = g.batch * g.out_size.0 * g.out_size.1 * g.out_channels;
    // SAFETY: the forward gather has every position, and the panels have every channel.
    Some(unsafe {
        filled(len, |out| {
            Product {
                kernel,
                panels,
                gather: &gather,
                x: &x,
                batch: g.batch,
                size: g.out_size,
                epilogue,
            }
            .run(out);
        })
    })
}

/// The nearest bf16 number, the even one of two: the upper half of the bits.
#[inline(always)]
fn rounded(x: f32) -> u16 {
    let bits = x.to_bits();
    let up = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if x.is_nan() { 0x7fc0 } else { up as u16 }
}
