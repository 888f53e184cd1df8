//! Parts of values, and values joined.

use candle_core::Tensor;

use super::Call;
use super::conv::positive;
use crate::attributes::axis;
use crate::plan::builder::Builder;
use crate::plan::value::{Map, Value};
use crate::reason::Reason;
use crate::reason::reason;
use gradcam_nn::ops::LinearMap;

pub(crate) fn concat(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let parts = (0..call.len())
        .map(|index| call.map(b, index))
        .collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<Map> = parts.into_iter().filter(|part| part.len() > 0).collect();
    let rank = parts.first().map_or(0, Map::rank);
    let dim = axis(call.node().int("axis", 1)?, rank)?;
    b.concat(&parts, dim)
}

pub(crate) fn split(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let x = call.map(b, 0)?;
    let dim = axis(call.node().int("axis", 0)?, x.rank())?;
    let (len, count) = (x.dims[dim], call.node().outputs().len());
    let sizes = match call.ints(1, "split")? {
        Some(sizes) => sizes
            .iter()
            .map(|&size| usize::try_from(size).map_err(|_| format!("a part of size {size}")))
            .collect::<Result<Vec<_>, _>>()?,
        None => {
            let each = len.div_ceil(count.max(1));
            let sizes = (0..count).map(|i| each.min(len.saturating_sub(i * each)));
            sizes.collect()
        }
    };
    let total = sizes
        .iter()
        .try_fold(0_usize, |sum, &size| sum.checked_add(size));
    if total != Some(len) || sizes.len() != count {
        return Err(format!(
            "parts of {sizes:?} do not make the {len} of dimension {dim}"
        ));
    }
    let mut start = 0;
    sizes
        .into_iter()
        .map(|size| {
            let part = b.slice(&x, dim, start, size, 1)?;
            start += size;
            Ok(Value::Map(part))
        })
        .collect()
}

pub(crate) fn slice(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let mut x = call.map(b, 0)?;
    let (Some(starts), Some(ends)) = (call.ints(1, "starts")?, call.ints(2, "ends")?) else {
        return Err("the starts or ends are missing".to_string());
    };
    let axes = match call.ints(3, "axes")? {
        Some(axes) => axes,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = match call.ints(4, "steps")? {
        Some(steps) => steps,
        None => vec![1; starts.len()],
    };
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err("starts, ends, axes and steps differ in number".to_string());
    }
    for (((start, end), at), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let dim = axis(at, x.rank())?;
        let len = x.dims[dim] as i64;
        let from_end = |value: i64| {
            if value < 0 {
                value.saturating_add(len)
            } else {
                value
            }
        };
        match step {
            0 => return Err("a step of 0".to_string()),
            1.. => {
                let start = from_end(start).clamp(0, len);
                let end = from_end(end).clamp(0, len);
                let count = (end - start).max(0).div_euclid(step)
                    + i64::from((end - start).max(0).rem_euclid(step) > 0);
                if count == 0 {
                    return Err(format!("an empty slice of dimension {dim}"));
                }
                x = b.slice(&x, dim, start as usize, count as usize, step as usize)?;
            }
            _ => {
                let start = from_end(start).clamp(-1, len - 1);
                let end = from_end(end).clamp(-1, len - 1);
                let mut indices = Vec::new();
                let mut at = start;
                while at > end {
                    indices.push(at as usize);
                    at = at.saturating_add(step);
                }
                if indices.is_empty() {
                    return Err(format!("an empty slice of dimension {dim}"));
                }
                x = b.take(&x, dim, indices)?;
            }
        }
    }
    Ok(x)
}

pub(crate) fn gather(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let dim = axis(call.node().int("axis", 0)?, x.rank())?;
    let host = call.host(1)?;
    let len = x.dims[dim];
    let indices = host
        .ints()?
        .iter()
        .map(|&index| axis(index, len).map_err(|_| format!("index {index} is outside of {len}")))
        .collect::<Result<Vec<usize>, _>>()?;
    if host.dims().is_empty() {
        return b.linear_map(
            LinearMap::Select {
                dim,
                index: indices[0],
            },
            &x,
        );
    }
    if indices.is_empty() {
        return Err("no indices".to_string());
    }
    let y = b.take(&x, dim, indices)?;
    if host.dims().len() == 1 {
        return Ok(y);
    }
    let dims = [&x.dims[..dim], host.dims(), &x.dims[dim + 1..]].concat();
    b.reshape(&y, &dims)
}

/// `GatherND` by constant indices: entries of the indexed dimensions taken together.
pub(crate) fn gather_nd(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let host = call.host(1)?;
    if call.node().int("batch_dims", 0)? != 0 {
        return Err("`batch_dims` is not supported".to_string());
    }
    let (Some(&depth), shape) = (host.dims().last(), host.dims()) else {
        return Err("the indices are a single number".to_string());
    };
    if depth == 0 || depth > x.rank() || host.len() == 0 {
        return Err(format!("indices of {shape:?} do not fit {:?}", x.dims));
    }
    let (indexed, rest) = x.dims.split_at(depth);
    let mut places = Vec::with_capacity(host.len() / depth);
    for index in host.ints()?.chunks(depth) {
        let mut place = 0;
        for (&at, &len) in index.iter().zip(indexed) {
            let at = axis(at, len).map_err(|_| format!("index {at} is outside of {len}"))?;
            place = place * len + at;
        }
        places.push(place);
    }
    let flat = [&[indexed.iter().product()], rest].concat();
    let y = b.reshape(&x, &flat)?;
    let y = b.take(&y, 0, places)?;
    let dims = [&shape[..shape.len() - 1], rest].concat();
    b.reshape(&y, &dims)
}

pub(crate) fn pad(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let node = call.node();
    let pads = call.ints(1, "pads")?.ok_or("the padding is missing")?;
    let dims = match call.ints(3, "axes")? {
        Some(axes) => axes
            .iter()
            .map(|&a| axis(a, x.rank()))
            .collect::<Result<Vec<_>, _>>()?,
        None => (0..x.rank()).collect(),
    };
    if pads.len() != 2 * dims.len() {
        return Err(format!(
            "{} paddings for {} dimensions",
            pads.len(),
            dims.len()
        ));
    }
    let mut sides = vec![(0_i64, 0_i64); x.rank()];
    for (i, &dim) in dims.iter().enumerate() {
        sides[dim] = (pads[i], pads[i + dims.len()]);
    }
    if sides
        .iter()
        .any(|&(a, b)| a.unsigned_abs() > 1 << 24 || b.unsigned_abs() > 1 << 24)
    {
        return Err(format!("a padding of {pads:?} is too large"));
    }
    // A negative padding removes.
    let mut y = x;
    for (dim, sides) in sides.iter_mut().enumerate() {
        let (before, after) = (sides.0.min(0).unsigned_abs(), sides.1.min(0).unsigned_abs());
        let (before, after) = (before as usize, after as usize);
        if before + after > 0 {
            let Some(len) = y.dims[dim].checked_sub(before + after) else {
                return Err(format!("the padding {pads:?} removes more than there is"));
            };
            y = b.slice(&y, dim, before, len, 1)?;
        }
        *sides = (sides.0.max(0), sides.1.max(0));
    }
    let sides: Vec<(usize, usize)> = sides.iter().map(|s| (s.0 as usize, s.1 as usize)).collect();
    match node.text("mode", "constant")? {
        "constant" => {
            let value = call.number(2, "value")?.unwrap_or(0.0);
            padded(b, &y, &sides, value)
        }
        mode => {
            for (dim, &(before, after)) in sides.iter().enumerate() {
                if before + after > 0 {
                    let indices = continued(y.dims[dim], before, after, mode)?;
                    y = b.take(&y, dim, indices)?;
                }
            }
            Ok(y)
        }
    }
}

/// Returns the positions that a padding by continuation repeats.
fn continued(len: usize, before: usize, after: usize, mode: &str) -> Result<Vec<usize>, Reason> {
    let last = len.saturating_sub(1) as i64;
    let each = -(before as i64)..(len + after) as i64;
    each.map(|at| {
        let found = match mode {
            "edge" => at.clamp(0, last),
            "wrap" => at.rem_euclid(len as i64),
            "reflect" if last == 0 => 0,
            "reflect" => {
                let at = at.rem_euclid(2 * last);
                at.min(2 * last - at)
            }
            _ => return Err(format!("`mode` is `{mode}`, which is not supported")),
        };
        Ok(found as usize)
    })
    .collect()
}

/// Pads with a number.
pub(crate) fn padded(
    b: &mut Builder<'_>,
    x: &Map,
    sides: &[(usize, usize)],
    value: f64,
) -> Result<Map, Reason> {
    if sides.iter().all(|&sides| sides == (0, 0)) {
        return Ok(x.clone());
    }
    let y = b.linear_map(LinearMap::Pad(sides.to_vec()), x)?;
    if value == 0.0 {
        return Ok(y);
    }
    // The number where the padding is, 0 where the values are.
    let inner: Vec<usize> = x
        .dims
        .iter()
        .zip(sides)
        .map(|(&len, s)| if *s == (0, 0) { 1 } else { len })
        .collect();
    let frame = Tensor::full(-value, inner, b.device())
        .and_then(|t| t.to_dtype(b.dtype()))
        .map_err(reason)?;
    let frame = b.linear_map(LinearMap::Pad(sides.to_vec()), &Map::constant(frame))?;
    let frame = b.shift(&frame, value)?;
    b.add(&y, &frame)
}

pub(crate) fn tile(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let mut x = call.map(b, 0)?;
    let host = call.host(1)?;
    let repeats = positive("repeats", host.ints()?)?;
    if repeats.len() != x.rank() {
        return Err(format!("{} repeats for {:?}", repeats.len(), x.dims));
    }
    for (dim, &times) in repeats.iter().enumerate() {
        if times > 1 {
            let len = x.dims[dim];
            if len.checked_mul(times).is_none_or(|len| len > 1 << 24) {
                return Err(format!("{times} repeats of {len} are too many"));
            }
            let indices = (0..len * times).map(|at| at % len).collect();
            x = b.take(&x, dim, indices)?;
        }
    }
    Ok(x)
}

pub(crate) fn depth_to_space(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let (n, c, (h, w)) = super::conv::feature_map(&x)?;
    let s = positive("blocksize", &[call.node().int("blocksize", 0)?])?[0];
    if c % (s * s) != 0 {
        return Err(format!("{c} channels are not a multiple of {s}²"));
    }
    let d = c / (s * s);
    let (parts, order) = match call.node().text("mode", "DCR")? {
        "DCR" => ([n, s, s, d, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, d, s, s, h, w], [0, 1, 4, 2, 5, 3]),
        mode => return Err(format!("`mode` is `{mode}`, which ONNX does not define")),
    };
    let y = b.reshape(&x, &parts)?;
    let y = b.permute(&y, &order)?;
    b.reshape(&y, &[n, d, h * s, w * s])
}

pub(crate) fn space_to_depth(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let (n, c, (h, w)) = super::conv::feature_map(&x)?;
    let s = positive("blocksize", &[call.node().int("blocksize", 0)?])?[0];
    if h % s != 0 || w % s != 0 {
        return Err(format!("{h} × {w} is not a multiple of {s}"));
    }
    let y = b.reshape(&x, &[n, c, h / s, s, w / s, s])?;
    let y = b.permute(&y, &[0, 3, 5, 1, 2, 4])?;
    b.reshape(&y, &[n, c * s * s, h / s, w / s])
}
