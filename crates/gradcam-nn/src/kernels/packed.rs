//! A convolution's weights in the kernels' reading order.

use std::sync::OnceLock;

#[cfg(feature = "cuda")]
use candle_core::{Result, Tensor};

use super::float::Float;
use super::gather::classes;
use super::geometry::Geometry;
use super::micro::Kernel;
use super::panels::Panels;
use super::winograd::Transformed;

/// A convolution's packed weights, made when first needed.
pub(crate) struct Packed<T> {
    forward: OnceLock<Form<T>>,
    /// One form for each class of positions, see `Gather::backward`.
    backward: OnceLock<Vec<Form<T>>>,
    pub(super) forward_tiles: Transformed<T>,
    pub(super) backward_tiles: Transformed<T>,
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

pub(super) enum Form<T> {
    Panels(Panels<T>),
    /// `(taps, c)`.
    Depthwise(Vec<T>),
}

impl<T: Float> Packed<T> {
    /// Returns the forward pass's form of `weight`, `(out, c / groups, kh, kw)`.
    pub(super) fn forward(&self, kernel: &Kernel<T, T>, weight: &[T], g: &Geometry) -> &Form<T> {
        self.forward.get_or_init(|| {
            if g.is_depthwise() {
                let taps = (0..g.taps()).collect::<Vec<_>>();
                return depthwise_form(weight, g, &taps);
            }
            Form::Panels(forward_panels(kernel, weight, g, |w| w))
        })
    }

    pub(super) fn backward(&self, kernel: &Kernel<T, T>, weight: &[T], g: &Geometry) -> &[Form<T>] {
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
                    kernel,
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

/// Packs the panels of the forward pass, converting every weight.
pub(super) fn forward_panels<T: Copy, A: Copy + Default, S>(
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

fn depthwise_form<T: Float>(weight: &[T], g: &Geometry, taps: &[usize]) -> Form<T> {
    let channels = g.in_channels;
    let values = taps
        .iter()
        .flat_map(|tap| (0..channels).map(move |channel| weight[channel * g.taps() + tap]));
    Form::Depthwise(values.collect())
}

/// A convolution's packed weights, for every element type.
#[derive(Default)]
pub(crate) struct PackedWeights {
    pub(super) f32: Packed<f32>,
    pub(super) f64: Packed<f64>,
    pub(super) bf16: OnceLock<Panels<u16>>,
    /// The weight `(out, kernel height, kernel width, in / groups)`, on a device.
    #[cfg(feature = "cuda")]
    channels_last: OnceLock<Tensor>,
}

#[cfg(feature = "cuda")]
impl PackedWeights {
    /// Returns the weight in the layout of a device's kernels.
    pub(crate) fn on_device(&self, weight: &Tensor) -> Result<&Tensor> {
        if let Some(packed) = self.channels_last.get() {
            return Ok(packed);
        }
        let packed = weight.permute((0, 2, 3, 1))?.contiguous()?;
        Ok(self.channels_last.get_or_init(|| packed))
    }
}
