//! Convolutions with factors rounded to bf16.

#![allow(unsafe_code)]

use super::copies::converted;
use super::epilogue::Epilogue;
use super::gather::Gather;
use super::geometry::Geometry;
use super::micro::bf16;
use super::output::filled;
use super::packed::{PackedWeights, forward_panels};
use super::product::Product;

/// Runs the forward pass with factors rounded to bf16 and sums in `f32`. `None` if the processor lacks bf16 products, the convolution
/// is depthwise (bound by memory), or a tap reads an odd number of values.
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
    // SAFETY: the forward gather covers every position, and the panels every channel.
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

/// Rounds to the nearest bf16 number, ties to even: the upper half of the bits.
#[inline(always)]
fn rounded(x: f32) -> u16 {
    let bits = x.to_bits();
    let up = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if x.is_nan() { 0x7fc0 } else { up as u16 }
}
