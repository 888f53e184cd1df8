//! Poolings.

use gradcam_nn::ops::{AdaptiveAvgPool2d, AvgPool2d, LinearMap, MaxPool2d};

use super::Call;
use super::conv::{Sliding, as_two, feature_map, positive};
use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::value::Map;
use crate::reason::Reason;
use crate::reason::reason;

fn kernel(call: &Call<'_>) -> Result<Vec<usize>, Reason> {
    let shape = call.node().ints("kernel_shape")?;
    positive("kernel_shape", &shape.ok_or("`kernel_shape` is missing")?)
}

pub(crate) fn max(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    if call.node().outputs().get(1).is_some_and(Option::is_some) {
        return Err("the positions of the maxima (output 1) are not supported".to_string());
    }
    as_two(b, &x, |b, x| {
        let (_, _, size) = feature_map(x)?;
        let sliding = Sliding::read(call.node(), &kernel(call)?, size)?;
        let (x, padding) = symmetric(b, x, &sliding, f64::from(f32::MIN))?;
        let pool = MaxPool2d {
            kernel: sliding.kernel,
            stride: sliding.stride,
            padding,
            dilation: sliding.dilation,
            ceil_mode: call.node().int("ceil_mode", 0)? != 0,
        };
        max_pool(b, &x, pool)
    })
}

fn max_pool(b: &mut Builder<'_>, x: &Map, pool: MaxPool2d) -> Result<Map, Reason> {
    let (n, c, size) = feature_map(x)?;
    let (rows, columns) = pool.output_size(size).map_err(reason)?;
    b.each(Layer::MaxPool(pool), x, vec![n, c, rows, columns])
}

pub(crate) fn average(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let node = call.node();
    as_two(b, &x, |b, x| {
        let (_, _, size) = feature_map(x)?;
        let sliding = Sliding::read(node, &kernel(call)?, size)?;
        let counted = node.int("count_include_pad", 0)? != 0;
        if sliding.dilation != (1, 1) {
            return Err("an average pooling with dilation is not supported".to_string());
        }
        let uneven = sliding
            .padding
            .iter()
            .any(|(before, after)| before != after)
            || sliding.padding[0].0 > sliding.kernel.0 / 2
            || sliding.padding[1].0 > sliding.kernel.1 / 2;
        let pool = |padding| AvgPool2d {
            kernel: sliding.kernel,
            stride: sliding.stride,
            padding,
            ceil_mode: node.int("ceil_mode", 0).unwrap_or(0) != 0,
            count_include_pad: counted,
        };
        if sliding.kernel == size && !uneven && sliding.padding == [(0, 0); 2] {
            return b.linear_map(LinearMap::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1)), x);
        }
        if !uneven {
            let padding = (sliding.padding[0].0, sliding.padding[1].0);
            return b.linear_map(LinearMap::AvgPool(pool(padding)), x);
        }
        let (padded, _) = symmetric(b, x, &sliding, 0.0)?;
        let y = b.linear_map(LinearMap::AvgPool(pool((0, 0))), &padded)?;
        if counted {
            return Ok(y);
        }
        // The padding does not count: divided by the part of each window that is inside.
        let ones = b.scalar(1.0)?;
        let inside = b.expand(&ones, &[1, 1, size.0, size.1])?;
        let (inside, _) = symmetric(b, &inside, &sliding, 0.0)?;
        let part = b.linear_map(LinearMap::AvgPool(pool((0, 0))), &inside)?;
        let Some(part) = part.tensor() else {
            return Err("a pooling of constants is not constant".to_string());
        };
        let factor = part.recip().map_err(reason)?;
        b.multiply(&y, &Map::constant(factor))
    })
}

/// Pads a map with a number if the padding is not the same on both sides; returns the padding that is left for the pooling.
fn symmetric(
    b: &mut Builder<'_>,
    x: &Map,
    sliding: &Sliding,
    value: f64,
) -> Result<(Map, (usize, usize)), Reason> {
    let [(top, bottom), (left, right)] = sliding.padding;
    let fits = top == bottom
        && left == right
        && top <= sliding.kernel.0 / 2
        && left <= sliding.kernel.1 / 2;
    if fits && value != 0.0 {
        return Ok((x.clone(), (top, left)));
    }
    let zeros = [(0, 0), (0, 0), (top, bottom), (left, right)];
    let y = super::pick::padded(b, x, &zeros, value)?;
    Ok((y, (0, 0)))
}

pub(crate) fn global_average(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    as_two(b, &x, |b, x| {
        feature_map(x)?;
        b.linear_map(LinearMap::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1)), x)
    })
}

pub(crate) fn global_max(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    as_two(b, &x, |b, x| {
        let (_, _, size) = feature_map(x)?;
        maximum(b, x, size)
    })
}

/// Takes the maximum of each channel of a map of this size.
pub(crate) fn maximum(b: &mut Builder<'_>, x: &Map, size: (usize, usize)) -> Result<Map, Reason> {
    let pool = MaxPool2d {
        kernel: size,
        stride: size,
        padding: (0, 0),
        dilation: (1, 1),
        ceil_mode: false,
    };
    max_pool(b, x, pool)
}
