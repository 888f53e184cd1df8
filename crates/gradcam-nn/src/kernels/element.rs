//! The number types that operations are generic over, with their kernels.

use super::bf16::forward_bf16;
use super::epilogue::Epilogue;
use super::float::Float;
use super::gather::Gather;
use super::geometry::Geometry;
use super::micro::Kernels;
use super::packed::{Packed, PackedWeights};

/// A number type with convolution kernels: `f32` for work, `f64` for the gradient checks.
pub(crate) trait Element: Float {
    /// Returns the fastest kernels for this type on this processor.
    fn kernels() -> Kernels<Self>;
    /// Returns the slot for packed weights of this type.
    fn packed(weights: &PackedWeights) -> &Packed<Self>;
    /// Runs the forward pass in bf16, if the element type and the processor support it: see [`forward_bf16`].
    fn convolve_bf16(
        x: &[Self],
        weight: &[Self],
        packed: &PackedWeights,
        gather: &Gather,
        g: &Geometry,
        epilogue: Epilogue<'_, Self>,
    ) -> Option<Vec<Self>>;
}

impl Element for f32 {
    fn kernels() -> Kernels<Self> {
        Kernels::fastest()
    }
    fn packed(weights: &PackedWeights) -> &Packed<Self> {
        &weights.f32
    }
    fn convolve_bf16(
        x: &[Self],
        weight: &[Self],
        packed: &PackedWeights,
        gather: &Gather,
        g: &Geometry,
        epilogue: Epilogue<'_, Self>,
    ) -> Option<Vec<Self>> {
        forward_bf16(x, weight, packed, gather, g, epilogue)
    }
}

impl Element for f64 {
    fn kernels() -> Kernels<Self> {
        Kernels::portable()
    }
    fn packed(weights: &PackedWeights) -> &Packed<Self> {
        &weights.f64
    }
    fn convolve_bf16(
        _x: &[Self],
        _weight: &[Self],
        _packed: &PackedWeights,
        _gather: &Gather,
        _g: &Geometry,
        _epilogue: Epilogue<'_, Self>,
    ) -> Option<Vec<Self>> {
        None
    }
}
