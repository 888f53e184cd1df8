//! Tests every micro-kernel of this processor against a plain loop.

#![allow(unsafe_code, clippy::unwrap_used)]

use proptest::prelude::*;

use super::activation::Activation;
use super::bf16::forward_bf16;
use super::convolution::{backward, forward};
use super::depthwise;
use super::element::Element;
use super::epilogue::Epilogue;
use super::gather::Gather;
use super::geometry::Geometry;
use super::micro::{Kernels, bf16};
use super::output::filled;
use super::packed::PackedWeights;
use super::panels::Panels;
use super::precision::Precision;
use super::product::Product;
use super::view::Map;
use super::winograd::{Size, Transformed, Winograd};

/// A convolution and its numbers.
#[derive(Clone)]
struct Case {
    g: Geometry,
    x: Vec<f32>,
    weight: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    residual: Vec<f32>,
    activation: Activation,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, {:?}", self.g, self.activation)
    }
}

prop_compose! {
    fn geometry()(
        batch in 1..3_usize,
        (groups, group_in, group_out) in (1..4_usize, 1..20_usize, 1..70_usize),
        in_size in (1..12_usize, 1..20_usize),
        kernel in (1..8_usize, 1..8_usize),
        stride in (1..4_usize, 1..4_usize),
        padding in (0..3_usize, 0..3_usize),
        dilation in (1..3_usize, 1..3_usize),
        depthwise in any::<bool>(),
    ) -> Option<Geometry> {
        let out = |size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
            let reach = (kernel - 1) * dilation + 1;
            Some((size + 2 * padding).checked_sub(reach)? / stride + 1)
        };
        let (groups, group_in, group_out) = if depthwise {
            (group_out.max(2), 1, 1)
        } else {
            (groups, group_in, group_out)
        };
        Some(Geometry {
            batch,
            in_channels: groups * group_in,
            in_size,
            out_channels: groups * group_out,
            out_size: (
                out(in_size.0, kernel.0, stride.0, padding.0, dilation.0)?,
                out(in_size.1, kernel.1, stride.1, padding.1, dilation.1)?,
            ),
            kernel,
            stride,
            padding,
            dilation,
            groups,
        })
    }
}

prop_compose! {
    fn case()(g in geometry().prop_filter_map("the kernel fits", |g| g))(case in numbered(g)) -> Case { case }
}

prop_compose! {
    /// The numbers of a convolution.
    fn numbered(g: Geometry)(
        x in numbers(g.batch * g.in_size.0 * g.in_size.1 * g.in_channels),
        weight in numbers(g.out_channels * g.group_in() * g.taps()),
        scale in numbers(g.out_channels),
        shift in numbers(g.out_channels),
        residual in numbers(g.batch * g.out_size.0 * g.out_size.1 * g.out_channels),
        activation in prop_oneof![
            Just(Activation::Identity),
            Just(Activation::Relu),
            Just(Activation::RELU6),
            Just(Activation::Clip { low: -0.5, high: 1.5 }),
            Just(Activation::LeakyRelu { slope: 0.2 }),
            Just(Activation::Silu),
            Just(Activation::Sigmoid),
        ],
    ) -> Case {
        Case { g, x, weight, scale, shift, residual, activation }
    }
}

prop_compose! {
    /// A 3×3 kernel of stride 1.
    fn shifting()(
        batch in 1..3_usize,
        (inputs, outputs) in (1..40_usize, 1..70_usize),
        in_size in (3..20_usize, 3..20_usize),
        padding in (0..4_usize, 0..4_usize),
        after in (0..4_usize, 0..4_usize),
    ) -> Geometry {
        Geometry {
            batch,
            in_channels: inputs,
            in_size,
            out_channels: outputs,
            out_size: (in_size.0 + padding.0 + after.0 - 2, in_size.1 + padding.1 + after.1 - 2),
            kernel: (3, 3),
            stride: (1, 1),
            padding,
            dilation: (1, 1),
            groups: 1,
        }
    }
}

prop_compose! {
    fn shifting_case()(g in shifting())(case in numbered(g)) -> Case { case }
}

fn numbers(count: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-1.0_f32..1.0, count)
}

impl Case {
    fn epilogue(&self) -> Epilogue<'_, f32> {
        Epilogue {
            scale: Some(&self.scale),
            shift: Some(&self.shift),
            residual: Some(&self.residual),
            activation: self.activation,
        }
    }

    fn weight(&self, channel: usize, input: usize, tap: usize) -> f32 {
        self.weight[(channel * self.g.group_in() + input) * self.g.taps() + tap]
    }

    fn with(&self, kernels: &Kernels<f32>) -> Vec<f32> {
        let Kernels {
            dense,
            depthwise: direct,
        } = kernels;
        let g = &self.g;
        let gather = Gather::forward(g);
        let (batch, size, epilogue) = (g.batch, g.out_size, self.epilogue());
        // SAFETY: both ways write every position.
        unsafe {
            filled(self.residual.len(), |out| {
                if g.is_depthwise() {
                    let weight: Vec<f32> = (0..g.taps())
                        .flat_map(|tap| (0..g.in_channels).map(move |c| self.weight(c, 0, tap)))
                        .collect();
                    depthwise::run(
                        out, size, &self.x, &weight, &gather, batch, direct, epilogue,
                    );
                    return;
                }
                let (inputs, outputs) = (g.group_in(), g.group_out());
                let terms = (g.taps(), inputs);
                let panels =
                    Panels::new(dense, g.groups, outputs, terms, |group, tap, input, c| {
                        self.weight(group * outputs + c, input, tap)
                    });
                Product {
                    kernel: *dense,
                    panels: &panels,
                    gather: &gather,
                    x: &self.x,
                    batch,
                    size,
                    epilogue,
                }
                .run(out);
            })
        }
    }

    /// Runs the forward pass by tiles of `size`.
    fn tiled(&self, kernels: &Kernels<f32>, size: Size) -> Vec<f32> {
        let (g, gather) = (&self.g, Gather::forward(&self.g));
        Winograd {
            kernel: kernels.dense,
            gather: &gather,
            x: &self.x,
            batch: g.batch,
            channels: g.out_channels,
            epilogue: self.epilogue(),
        }
        .run(size, &Transformed::default(), |tap, input, channel| {
            self.weight(channel, input, tap)
        })
    }

    /// Runs the forward pass by plain loops in `f64`.
    fn naive(&self) -> Vec<f64> {
        let g = &self.g;
        let mut y = Vec::new();
        for image in 0..g.batch {
            for oy in 0..g.out_size.0 {
                for ox in 0..g.out_size.1 {
                    for channel in 0..g.out_channels {
                        let sum = self.sum(image, (oy, ox), channel);
                        let at = y.len();
                        let before = sum * f64::from(self.scale[channel])
                            + f64::from(self.shift[channel])
                            + f64::from(self.residual[at]);
                        y.push(self.activation.apply(before));
                    }
                }
            }
        }
        y
    }

    /// Returns each result's error in units of the rounding of 1 plus the same sum over absolute values: the expected error does not
    /// shrink when summands cancel.
    fn errors(&self, found: &[f32], expected: &[f64]) -> Vec<f64> {
        let units = self.sizes();
        let units = units
            .iter()
            .map(|size| f64::from(f32::EPSILON) * (1.0 + size));
        let results = found.iter().zip(expected).zip(units);
        results
            .map(|((found, expected), unit)| (f64::from(*found) - expected).abs() / unit)
            .collect()
    }

    /// Returns the sums over absolute values.
    fn sizes(&self) -> Vec<f64> {
        let abs = |values: &[f32]| values.iter().map(|v| v.abs()).collect();
        Case {
            g: self.g,
            x: abs(&self.x),
            weight: abs(&self.weight),
            scale: abs(&self.scale),
            shift: abs(&self.shift),
            residual: abs(&self.residual),
            activation: Activation::Identity,
        }
        .naive()
    }

    fn sum(&self, image: usize, (oy, ox): (usize, usize), channel: usize) -> f64 {
        let g = &self.g;
        let mut sum = 0.0;
        for tap in 0..g.taps() {
            let (ky, kx) = (tap / g.kernel.1, tap % g.kernel.1);
            let y = (oy * g.stride.0 + ky * g.dilation.0).wrapping_sub(g.padding.0);
            let x = (ox * g.stride.1 + kx * g.dilation.1).wrapping_sub(g.padding.1);
            if y >= g.in_size.0 || x >= g.in_size.1 {
                continue;
            }
            let position = (image * g.in_size.0 + y) * g.in_size.1 + x;
            for input in 0..g.group_in() {
                let source = channel / g.group_out() * g.group_in() + input;
                let x = self.x[position * g.in_channels + source];
                sum += f64::from(x) * f64::from(self.weight(channel, input, tap));
            }
        }
        sum
    }
}

/// Rounds the factors to bf16, so that products are exact and only the order of the sum differs.
fn representable(case: &mut Case) {
    for value in case.x.iter_mut().chain(&mut case.weight) {
        *value = f32::from_bits(value.to_bits() & 0xffff_0000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bf16_gives_the_sums_of_a_plain_loop(mut case in case()) {
        representable(&mut case);
        let (g, packed) = (&case.g, PackedWeights::default());
        let (gather, epilogue) = (Gather::forward(g), case.epilogue());
        let found = forward_bf16(&case.x, &case.weight, &packed, &gather, g, epilogue);
        let possible = bf16().is_some() && !g.is_depthwise() && g.group_in() % 2 == 0;
        prop_assert_eq!(found.is_some(), possible);
        for (found, expected) in found.iter().flatten().zip(case.naive()) {
            prop_assert!((f64::from(*found) - expected).abs() <= 1e-4 * (1.0 + expected.abs()));
        }
    }

    #[test]
    fn every_kernel_gives_the_sums_of_a_plain_loop(case in case()) {
        let expected = case.naive();
        let kernels = [Some(Kernels::portable()), Kernels::avx2(), Kernels::avx512()];
        let found: Vec<_> = kernels.iter().flatten().map(|kernels| case.with(kernels)).collect();
        for found in &found {
            let errors = case.errors(found, &expected);
            // Measured over 1,000 cases: at most 2.1 units, and 0.15 on average over a case.
            prop_assert!(errors.iter().all(|error| *error <= 4.0));
            prop_assert!(errors.iter().sum::<f64>() <= 0.25 * errors.len() as f64);
        }
        // Wider vectors give the same bits.
        if let [_, narrow, wide] = &found[..] {
            let differing = narrow.iter().zip(wide).position(|(a, b)| a.to_bits() != b.to_bits());
            prop_assert_eq!(differing, None);
        }
    }

    #[test]
    fn tiles_give_the_sums_of_a_plain_loop(case in shifting_case()) {
        let expected = case.naive();
        // A tile is made of differences of larger sums, so its rounding error follows the largest sum of absolute values, not the
        // result. Measured over 1,500 cases: at most 1.2 units and 0.11 on average (2 x 2), 4.6 and 0.25 (4 x 4).
        let unit = f64::from(f32::EPSILON) * case.sizes().into_iter().fold(0.0, f64::max);
        let kernels = [Some(Kernels::portable()), Kernels::avx2(), Kernels::avx512()];
        for (size, most, average) in [(Size::Two, 2.0, 0.2), (Size::Four, 8.0, 0.4)] {
            let found: Vec<_> = kernels.iter().flatten().map(|kernels| case.tiled(kernels, size)).collect();
            for found in &found {
                prop_assert_eq!(found.len(), expected.len());
                let errors = found.iter().zip(&expected).map(|(found, expected)| (f64::from(*found) - expected).abs() / unit);
                let errors: Vec<f64> = errors.collect();
                prop_assert!(errors.iter().all(|error| *error <= most), "{:?}", size);
                prop_assert!(errors.iter().sum::<f64>() <= average * errors.len() as f64, "{:?}", size);
            }
            if let [_, narrow, wide] = &found[..] {
                let differing = narrow.iter().zip(wide).position(|(a, b)| a.to_bits() != b.to_bits());
                prop_assert_eq!(differing, None);
            }
        }
    }

    /// In the precision of the gradient checks, through the automatic choice of algorithm.
    #[test]
    fn both_directions_in_f64_are_exact(mut g in shifting(), grow in 0..2_usize) {
        g.in_channels += 31;
        g.out_channels += 31;
        // Maps for both tile sizes.
        g.in_size = (g.in_size.0 + 8 + 8 * grow, g.in_size.1 + 8 + 8 * grow);
        g.out_size = (g.in_size.0 + 2 * g.padding.0 - 2, g.in_size.1 + 2 * g.padding.1 - 2);
        let wave = |count: usize, step: f64| -> Vec<f64> { (0..count).map(|i| (i as f64 * step).sin()).collect() };
        let positions = (g.in_size.0 * g.in_size.1, g.out_size.0 * g.out_size.1);
        let weight = wave(g.out_channels * g.in_channels * 9, 0.7);
        let grad = wave(g.batch * positions.1 * g.out_channels, 0.3);
        let x = wave(g.batch * positions.0 * g.in_channels, 1.1);
        let map = Map {
            values: &x,
            dims: [g.batch, g.in_channels, g.in_size.0, g.in_size.1],
            strides: [positions.0 * g.in_channels, 1, g.in_size.1 * g.in_channels, g.in_channels],
        };
        let packed = PackedWeights::default();
        let y = forward(map, &weight, &packed, Precision::F32, &g, Epilogue::NONE);
        let dx = backward(&grad, &weight, f64::packed(&packed), &g);
        // The gradient is the transpose: ⟨grad, conv(x)⟩ = ⟨dx, x⟩.
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let (left, right) = (dot(&grad, &y), dot(&dx, &x));
        prop_assert!((left - right).abs() <= 1e-9 * (1.0 + left.abs()), "{} and {}", left, right);
        // One position in the middle, by definition.
        let (oy, ox, o) = (g.out_size.0 / 2, g.out_size.1 / 2, g.out_channels / 2);
        let mut sum = 0.0;
        for (tap, input) in (0..9).flat_map(|tap| (0..g.in_channels).map(move |input| (tap, input))) {
            let (y, x_) = ((oy + tap / 3).wrapping_sub(g.padding.0), (ox + tap % 3).wrapping_sub(g.padding.1));
            if y < g.in_size.0 && x_ < g.in_size.1 {
                sum += x[(y * g.in_size.1 + x_) * g.in_channels + input]
                    * weight[(o * g.in_channels + input) * 9 + tap];
            }
        }
        let found = y[(oy * g.out_size.1 + ox) * g.out_channels + o];
        prop_assert!((found - sum).abs() <= 1e-10 * (1.0 + sum.abs()), "{} and {}", found, sum);
    }
}
