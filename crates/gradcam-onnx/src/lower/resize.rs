//! Resizing by interpolation: one linear map for each axis.

use std::sync::Arc;

use gradcam_nn::ops::{LinearMap, Resize, ResizeMode, Taps};

use super::Call;
use crate::attributes::axis;
use crate::plan::builder::Builder;
use crate::plan::value::Map;
use crate::reason::Reason;
use crate::reason::reason;

/// Which positions of the input an output position reads.
struct Form {
    kernel: Kernel,
    coordinates: Coordinates,
    /// Widens the kernel when the map shrinks.
    antialias: bool,
    /// Leaves out positions outside of the input instead of repeating the border.
    exclude_outside: bool,
}

enum Kernel {
    Nearest(Rounding),
    Linear,
    /// With the coefficient `a` (Keys 1981).
    Cubic(f64),
}

enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

enum Coordinates {
    HalfPixel,
    PytorchHalfPixel,
    HalfPixelSymmetric,
    AlignCorners,
    Asymmetric,
}

/// An axis that changes.
struct Axis {
    dim: usize,
    input: usize,
    output: usize,
    scale: f32,
}

pub(crate) fn resize(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let form = form(call)?;
    let axes: Vec<Axis> = axes(call, &x)?
        .into_iter()
        .filter(|axis| axis.input != axis.output || f64::from(axis.scale) != 1.0)
        .collect();
    for axis in &axes {
        if axis.input == 0 || axis.output == 0 || axis.output > 1 << 24 {
            return Err(format!(
                "a resize of {} to {} is not possible",
                axis.input, axis.output
            ));
        }
    }
    if let Some(resize) = form.ours(&x, &axes) {
        return b.linear_map(LinearMap::Resize(resize), &x);
    }
    axes.iter().try_fold(x, |x, axis| {
        let taps: Vec<Vec<(usize, f64)>> = (0..axis.output).map(|at| form.taps(axis, at)).collect();
        if let Kernel::Nearest(_) = form.kernel {
            let indices = taps.iter().flatten().map(|&(index, _)| index).collect();
            return b.take(&x, axis.dim, indices);
        }
        let taps = Taps::new(axis.input, taps).map_err(reason)?;
        let map = LinearMap::Interpolate {
            dim: axis.dim,
            taps: Arc::new(taps),
        };
        b.linear_map(map, &x)
    })
}

fn form(call: &Call<'_>) -> Result<Form, Reason> {
    let node = call.node();
    let old = node.op() == "Upsample" || call.opset() < 11;
    let unknown =
        |name: &str, value: &str| format!("`{name}` is `{value}`, which is not supported");
    let nearest = node.text(
        "nearest_mode",
        if old { "floor" } else { "round_prefer_floor" },
    )?;
    let kernel = match node.text("mode", "nearest")? {
        "nearest" => Kernel::Nearest(match nearest {
            "round_prefer_floor" => Rounding::PreferFloor,
            "round_prefer_ceil" => Rounding::PreferCeil,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            other => return Err(unknown("nearest_mode", other)),
        }),
        "linear" | "bilinear" => Kernel::Linear,
        "cubic" => Kernel::Cubic(f64::from(node.float("cubic_coeff_a", -0.75)?)),
        other => return Err(unknown("mode", other)),
    };
    let name = "coordinate_transformation_mode";
    let coordinates = match node.text(name, if old { "asymmetric" } else { "half_pixel" })? {
        "half_pixel" => Coordinates::HalfPixel,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        other => return Err(unknown(name, other)),
    };
    Ok(Form {
        kernel,
        coordinates,
        antialias: node.int("antialias", 0)? != 0,
        exclude_outside: node.int("exclude_outside", 0)? != 0,
    })
}

/// Reads the sizes or the scales of the axes.
fn axes(call: &Call<'_>, x: &Map) -> Result<Vec<Axis>, Reason> {
    let node = call.node();
    let dims: Vec<usize> = match node.ints("axes")? {
        Some(axes) => axes
            .iter()
            .map(|&a| axis(a, x.rank()))
            .collect::<Result<_, _>>()?,
        None => (0..x.rank()).collect(),
    };
    let single = node.op() == "Upsample" || call.opset() < 11;
    let (scales, sizes) = if single { (1, usize::MAX) } else { (2, 3) };
    if call.has(sizes) {
        let host = call.host(sizes)?;
        let sizes = host.ints()?;
        if !sizes.is_empty() {
            return by_sizes(call, x, &dims, sizes);
        }
    }
    let scales = if call.has(scales) {
        call.host(scales)?.floats()?.to_vec()
    } else {
        node.floats("scales")?
            .ok_or("neither scales nor sizes are given")?
    };
    if scales.len() != dims.len() {
        return Err(format!(
            "{} scales for {} dimensions",
            scales.len(),
            dims.len()
        ));
    }
    dims.into_iter()
        .zip(scales)
        .map(|(dim, scale)| {
            if !(scale > 0.0 && scale.is_finite()) {
                return Err(format!("a scale of {scale}"));
            }
            let input = x.dims[dim];
            let output = (input as f32 * scale).floor() as usize;
            Ok(Axis {
                dim,
                input,
                output,
                scale,
            })
        })
        .collect()
}

fn by_sizes(call: &Call<'_>, x: &Map, dims: &[usize], sizes: &[i64]) -> Result<Vec<Axis>, Reason> {
    if sizes.len() != dims.len() {
        return Err(format!(
            "{} sizes for {} dimensions",
            sizes.len(),
            dims.len()
        ));
    }
    let sizes = super::conv::positive("sizes", sizes)?;
    let policy = call.node().text("keep_aspect_ratio_policy", "stretch")?;
    let ratios = dims
        .iter()
        .zip(&sizes)
        .map(|(&dim, &size)| size as f32 / x.dims[dim].max(1) as f32);
    let common = match policy {
        "stretch" => None,
        "not_larger" => ratios.fold(None, |least: Option<f32>, r| {
            Some(least.map_or(r, |l| l.min(r)))
        }),
        "not_smaller" => ratios.fold(None, |most: Option<f32>, r| {
            Some(most.map_or(r, |m| m.max(r)))
        }),
        other => {
            return Err(format!(
                "`keep_aspect_ratio_policy` is `{other}`, which is not supported"
            ));
        }
    };
    let each = dims.iter().zip(&sizes);
    Ok(each
        .map(|(&dim, &size)| {
            let input = x.dims[dim];
            match common {
                Some(scale) => Axis {
                    dim,
                    input,
                    output: (input as f32 * scale).round() as usize,
                    scale,
                },
                None => Axis {
                    dim,
                    input,
                    output: size,
                    scale: size as f32 / input.max(1) as f32,
                },
            }
        })
        .collect())
}

impl Form {
    /// Finds the equal resize of feature maps, which is one operation.
    fn ours(&self, x: &Map, axes: &[Axis]) -> Option<Resize> {
        if x.rank() != 4 || self.antialias || self.exclude_outside || axes.is_empty() {
            return None;
        }
        if axes.iter().any(|axis| axis.dim < 2) {
            return None;
        }
        let whole = axes.iter().all(|axis| {
            axis.output.is_multiple_of(axis.input)
                && axis.scale == (axis.output / axis.input) as f32
        });
        let exact = axes.iter().all(|axis| {
            let ratio = axis.output as f32 / axis.input as f32;
            (ratio - axis.scale).abs() <= 1e-6 * ratio
        });
        let (mode, align_corners) = match (&self.kernel, &self.coordinates) {
            (Kernel::Nearest(Rounding::Floor), Coordinates::Asymmetric)
            | (
                Kernel::Nearest(Rounding::PreferFloor | Rounding::PreferCeil),
                Coordinates::HalfPixel,
            ) if whole => (ResizeMode::Nearest, false),
            (Kernel::Linear, Coordinates::HalfPixel) if exact => (ResizeMode::Bilinear, false),
            (Kernel::Linear, Coordinates::PytorchHalfPixel)
                if exact && axes.iter().all(|axis| axis.output > 1) =>
            {
                (ResizeMode::Bilinear, false)
            }
            (Kernel::Linear, Coordinates::AlignCorners) => (ResizeMode::Bilinear, true),
            (&Kernel::Cubic(-0.75), Coordinates::HalfPixel) if exact => {
                (ResizeMode::Bicubic, false)
            }
            (&Kernel::Cubic(-0.75), Coordinates::AlignCorners) => (ResizeMode::Bicubic, true),
            _ => return None,
        };
        let size = |dim: usize| {
            let found = axes.iter().find(|axis| axis.dim == dim);
            found.map_or(x.dims[dim], |axis| axis.output)
        };
        Some(Resize {
            size: (size(2), size(3)),
            mode,
            align_corners,
        })
    }

    /// Returns the position of the input that output position `at` stands for, in the precision of onnxruntime.
    fn position(&self, axis: &Axis, at: usize) -> f32 {
        let (at, scale) = (at as f32, axis.scale);
        let (input, output) = (axis.input as f32, axis.output as f32);
        match self.coordinates {
            Coordinates::HalfPixel => (at + 0.5) / scale - 0.5,
            Coordinates::PytorchHalfPixel if axis.output > 1 => (at + 0.5) / scale - 0.5,
            Coordinates::PytorchHalfPixel => 0.0,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = output / (scale * input);
                let offset = input / 2.0 * (1.0 - adjustment);
                offset + (at + 0.5) / scale - 0.5
            }
            Coordinates::AlignCorners if axis.output == 1 => 0.0,
            Coordinates::AlignCorners => at * (input - 1.0) / (output - 1.0),
            Coordinates::Asymmetric => at / scale,
        }
    }

    /// Returns the positions and weights that output position `at` sums.
    fn taps(&self, axis: &Axis, at: usize) -> Vec<(usize, f64)> {
        let position = self.position(axis, at);
        let last = axis.input as i64 - 1;
        let index = |at: i64| at.clamp(0, last) as usize;
        let kernel: &dyn Fn(f64) -> f64 = match &self.kernel {
            Kernel::Nearest(rounding) => {
                let rounded = match rounding {
                    Rounding::PreferFloor => (position - 0.5).ceil(),
                    Rounding::PreferCeil => (position + 0.5).floor(),
                    Rounding::Floor => position.floor(),
                    Rounding::Ceil => position.ceil(),
                };
                return vec![(index(rounded as i64), 1.0)];
            }
            Kernel::Linear => &|d: f64| (1.0 - d.abs()).max(0.0),
            &Kernel::Cubic(a) => &move |d: f64| cubic(a, d.abs()),
        };
        let reach = match self.kernel {
            Kernel::Nearest(_) | Kernel::Linear => 1.0,
            Kernel::Cubic(_) => 2.0,
        };
        let position = f64::from(position);
        let stretch = if self.antialias {
            f64::from(axis.scale).min(1.0)
        } else {
            1.0
        };
        let reach = reach / stretch;
        let (first, end) = (
            (position - reach).ceil() as i64,
            (position + reach).floor() as i64,
        );
        let mut taps: Vec<(i64, f64)> = (first..=end)
            .map(|i| (i, kernel((i as f64 - position) * stretch)))
            .filter(|&(_, weight)| weight != 0.0)
            .collect();
        if self.exclude_outside || self.antialias {
            taps.retain(|&(i, _)| (0..=last).contains(&i));
            let total: f64 = taps.iter().map(|&(_, weight)| weight).sum();
            if total != 0.0 {
                taps.iter_mut().for_each(|(_, weight)| *weight /= total);
            }
        }
        taps.into_iter()
            .map(|(i, weight)| (index(i), weight))
            .collect()
    }
}

/// The cubic convolution kernel (Keys 1981) at a distance of at least 0.
fn cubic(a: f64, d: f64) -> f64 {
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    } else {
        0.0
    }
}
