//! Convolutions.

use gradcam_nn::ops::{ConvOptions, ConvTranspose2d, LinearMap, Padding};

use super::Call;
use crate::graph::Node;
use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::value::Map;
use crate::reason::Reason;
use crate::reason::reason;

/// The sizes of a window that slides over rows and columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sliding {
    pub(crate) kernel: (usize, usize),
    pub(crate) stride: (usize, usize),
    pub(crate) dilation: (usize, usize),
    /// Rows above and below, columns left and right.
    pub(crate) padding: [(usize, usize); 2],
}

impl Sliding {
    /// Reads the attributes of a node over `rank` spatial dimensions, 1 or 2, for a map of `size`.
    pub(crate) fn read(
        node: &Node,
        kernel: &[usize],
        size: (usize, usize),
    ) -> Result<Self, Reason> {
        let pair = |name: &str| -> Result<(usize, usize), Reason> {
            let values = node.ints(name)?.unwrap_or_else(|| vec![1; kernel.len()]);
            match *positive(name, &values)?.as_slice() {
                _ if values.len() != kernel.len() => Err(format!(
                    "`{name}` has {} numbers for {} dimensions",
                    values.len(),
                    kernel.len()
                )),
                [columns] => Ok((1, columns)),
                [rows, columns] => Ok((rows, columns)),
                _ => Err("only one and two spatial dimensions are supported".to_string()),
            }
        };
        let kernel_size = match *kernel {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => return Err("only one and two spatial dimensions are supported".to_string()),
        };
        let (stride, dilation) = (pair("strides")?, pair("dilations")?);
        let axis = |size: usize, kernel: usize, stride: usize, dilation: usize, late: bool| {
            let reach =
                (size.div_ceil(stride).max(1) - 1) * stride + (kernel.max(1) - 1) * dilation + 1;
            let total = reach.saturating_sub(size);
            let less = total / 2;
            if late {
                (less, total - less)
            } else {
                (total - less, less)
            }
        };
        let same = |late| {
            [
                axis(size.0, kernel_size.0, stride.0, dilation.0, late),
                axis(size.1, kernel_size.1, stride.1, dilation.1, late),
            ]
        };
        let padding = match node.text("auto_pad", "NOTSET")? {
            "SAME_UPPER" => same(true),
            "SAME_LOWER" => same(false),
            "VALID" => [(0, 0); 2],
            "NOTSET" | "" => match node.ints("pads")? {
                None => [(0, 0); 2],
                Some(pads) => explicit(&pads, kernel.len())?,
            },
            other => {
                return Err(format!(
                    "`auto_pad` is `{other}`, which ONNX does not define"
                ));
            }
        };
        Ok(Sliding {
            kernel: kernel_size,
            stride,
            dilation,
            padding,
        })
    }

    pub(crate) fn explicit(&self) -> Padding {
        let [(top, bottom), (left, right)] = self.padding;
        Padding::Explicit {
            top,
            bottom,
            left,
            right,
        }
    }
}

/// Splits `pads`: all beginnings, then all ends.
fn explicit(pads: &[i64], rank: usize) -> Result<[(usize, usize); 2], Reason> {
    let pads: Vec<usize> = pads
        .iter()
        .map(|&pad| usize::try_from(pad).map_err(|_| format!("a padding of {pad} is negative")))
        .collect::<Result<_, _>>()?;
    match (pads.as_slice(), rank) {
        (&[left, right], 1) => Ok([(0, 0), (left, right)]),
        (&[top, left, bottom, right], 2) => Ok([(top, bottom), (left, right)]),
        _ => Err(format!(
            "`pads` has {} numbers for {rank} dimensions",
            pads.len()
        )),
    }
}

/// Returns numbers of at least 1, within what a size can be.
pub(crate) fn positive(name: &str, values: &[i64]) -> Result<Vec<usize>, Reason> {
    let each = values.iter().map(|&value| match usize::try_from(value) {
        Ok(value) if (1..=1 << 24).contains(&value) => Ok(value),
        _ => Err(format!("`{name}` of {value} is not between 1 and 16777216")),
    });
    each.collect()
}

/// Runs an operation for two spatial dimensions on `x` with one or two.
pub(crate) fn as_two(
    b: &mut Builder<'_>,
    x: &Map,
    run: impl FnOnce(&mut Builder<'_>, &Map) -> Result<Map, Reason>,
) -> Result<Map, Reason> {
    match x.rank() {
        3 => {
            let x = b.unsqueeze(x, &[2])?;
            let y = run(b, &x)?;
            b.squeeze(&y, &[2])
        }
        4 => run(b, x),
        rank => Err(format!(
            "expected (n, channels, columns) or (n, channels, rows, columns), found {rank} dimensions"
        )),
    }
}

pub(crate) fn conv(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, weight) = (call.map(b, 0)?, call.map(b, 1)?);
    let bias = if call.has(2) {
        Some(call.map(b, 2)?)
    } else {
        None
    };
    as_two(b, &x, |b, x| {
        let (_, c, size) = feature_map(x)?;
        let kernel = weight.dims.get(2..).unwrap_or_default().to_vec();
        let sliding = Sliding::read(call.node(), &kernel, size)?;
        let groups = positive("group", &[call.node().int("group", 1)?])?[0];
        let weight = kernel_of(b, &weight)?;
        let (out, inputs) = (weight.dims[0], weight.dims[1]);
        if inputs * groups != c || out % groups != 0 {
            return Err(format!(
                "a weight of {:?} in {groups} groups does not fit {c} channels",
                weight.dims
            ));
        }
        let Some(weight) = weight.tensor() else {
            return Err("the weight depends on the image".to_string());
        };
        let bias = match &bias {
            None => None,
            Some(bias) => Some(vector(bias, out)?),
        };
        let options = ConvOptions {
            stride: sliding.stride,
            padding: sliding.explicit(),
            dilation: sliding.dilation,
            groups,
        };
        let conv = b.shared.conv(weight, bias, options);
        let (rows, columns) = conv.output_size(size).map_err(reason)?;
        b.each(Layer::Conv(conv), x, vec![x.dims[0], out, rows, columns])
    })
}

pub(crate) fn transposed(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, weight) = (call.map(b, 0)?, call.map(b, 1)?);
    let bias = if call.has(2) {
        Some(call.map(b, 2)?)
    } else {
        None
    };
    let node = call.node();
    as_two(b, &x, |b, x| {
        let (n, _, size) = feature_map(x)?;
        let kernel = weight.dims.get(2..).unwrap_or_default().to_vec();
        let mut sliding = Sliding::read(node, &kernel, size)?;
        let groups = positive("group", &[node.int("group", 1)?])?[0];
        let pair = |values: Option<Vec<i64>>| match values.as_deref() {
            None => Ok(None),
            Some(&[columns]) => Ok(Some((0, columns))),
            Some(&[rows, columns]) => Ok(Some((rows, columns))),
            Some(values) => Err(format!("expected one or two numbers, found {values:?}")),
        };
        let more = pair(node.ints("output_padding")?)?.unwrap_or((0, 0));
        let at_least =
            |value: i64| usize::try_from(value).map_err(|_| format!("{value} is negative"));
        let mut more = (at_least(more.0)?, at_least(more.1)?);
        if let Some(shape) = pair(node.ints("output_shape")?)? {
            // The padding follows from the output's size.
            let late = node.text("auto_pad", "NOTSET")? != "SAME_UPPER";
            let axis = |size: usize, to: i64, kernel: usize, stride: usize, dilation: usize| {
                let full = (size.max(1) - 1) * stride + (kernel.max(1) - 1) * dilation + 1;
                let to = at_least(to)?;
                if to > full {
                    return Ok(((0, 0), to - full));
                }
                let total = full - to;
                let half = total / 2;
                let pads = if late {
                    (total - half, half)
                } else {
                    (half, total - half)
                };
                Ok::<_, Reason>((pads, 0))
            };
            let (k, s, d) = (sliding.kernel, sliding.stride, sliding.dilation);
            let rows = if kernel.len() == 1 { 1 } else { shape.0 };
            let (rows, more_rows) = axis(size.0, rows, k.0, s.0, d.0)?;
            let (columns, more_columns) = axis(size.1, shape.1, k.1, s.1, d.1)?;
            sliding.padding = [rows, columns];
            more = (more_rows, more_columns);
        } else if matches!(
            node.text("auto_pad", "NOTSET")?,
            "SAME_UPPER" | "SAME_LOWER"
        ) {
            let late = node.text("auto_pad", "NOTSET")? == "SAME_UPPER";
            let axis = |kernel: usize, stride: usize, dilation: usize| {
                let total = ((kernel.max(1) - 1) * dilation + 1).saturating_sub(stride);
                let half = total / 2;
                if late {
                    (half, total - half)
                } else {
                    (total - half, half)
                }
            };
            let (k, s, d) = (sliding.kernel, sliding.stride, sliding.dilation);
            sliding.padding = [axis(k.0, s.0, d.0), axis(k.1, s.1, d.1)];
        }
        let weight = kernel_of(b, &weight)?;
        let out = weight.dims[1] * groups;
        let Some(weight) = weight.tensor() else {
            return Err("the weight depends on the image".to_string());
        };
        let options = ConvOptions {
            stride: sliding.stride,
            padding: sliding.explicit(),
            dilation: sliding.dilation,
            groups,
        };
        let layer = ConvTranspose2d::new(weight.clone(), options, more);
        let y = b.linear_map(LinearMap::ConvTranspose(layer), x)?;
        debug_assert_eq!(y.dims[0], n);
        match &bias {
            None => Ok(y),
            Some(bias) => {
                let bias = vector(bias, out)?.reshape((1, out, 1, 1)).map_err(reason)?;
                b.add(&y, &Map::constant(bias))
            }
        }
    })
}

/// Returns the images, the channels and the size of a feature map.
pub(crate) fn feature_map(x: &Map) -> Result<(usize, usize, (usize, usize)), Reason> {
    match *x.dims.as_slice() {
        [n, c, h, w] if n * c * h * w > 0 => Ok((n, c, (h, w))),
        _ => Err(format!(
            "expected (n, channels, rows, columns), all at least 1, found {:?}",
            x.dims
        )),
    }
}

/// Gives the weight of a convolution over one dimension a second one.
fn kernel_of(b: &mut Builder<'_>, weight: &Map) -> Result<Map, Reason> {
    if weight.len() == 0 {
        return Err(format!("a weight of {:?} is empty", weight.dims));
    }
    match weight.rank() {
        3 => b.unsqueeze(weight, &[2]),
        4 => Ok(weight.clone()),
        rank => Err(format!("a weight of {rank} dimensions is not supported")),
    }
}

/// Returns a constant with one number for each channel.
pub(crate) fn vector(x: &Map, len: usize) -> Result<candle_core::Tensor, Reason> {
    match x.tensor() {
        Some(tensor) if tensor.elem_count() == len => tensor.flatten_all().map_err(reason),
        Some(tensor) => Err(format!("expected {len} numbers, found {:?}", tensor.dims())),
        None => Err("a parameter depends on the image".to_string()),
    }
}
