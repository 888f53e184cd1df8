//! The input positions that each output position of a pooling reads, along one axis.

use std::ops::{Deref, Range};

use candle_core::{Result, bail};

#[cfg(feature = "cuda")]
use crate::cuda::Arg;

/// The positions `start..end` of one input axis that one output position reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The divisor of an average: the number of positions read, plus the padding if it counts.
    pub(super) size: usize,
}

/// The windows of one axis.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    each: Vec<Window>,
    /// The rule behind the windows, in the form of a device's kernels.
    #[cfg(feature = "cuda")]
    rule: [usize; 7],
}

impl Deref for Windows {
    type Target = [Window];
    fn deref(&self) -> &[Window] {
        &self.each
    }
}

#[cfg(feature = "cuda")]
impl Windows {
    /// Returns the rule: input and output positions, kernel, stride (0 for adaptive windows), padding, dilation, and whether the
    /// padding counts.
    pub(super) fn args<'a>(&self) -> impl Iterator<Item = Arg<'a>> + use<'a> {
        self.rule.into_iter().map(Arg::Int)
    }
}

/// A window that slides over one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sliding {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
    /// Whether a last window may extend beyond the padded input.
    pub(super) ceil_mode: bool,
}

impl Sliding {
    /// Returns the number of output positions for `input` positions, by PyTorch's rule: in ceil mode the last window must start inside
    /// the input or the padding before it.
    pub(super) fn output_size(&self, input: usize) -> Result<usize> {
        let Sliding {
            kernel,
            stride,
            padding,
            dilation,
            ceil_mode,
        } = *self;
        if input == 0 || kernel == 0 || stride == 0 || dilation == 0 {
            bail!(
                "pooling needs an input, kernel, stride and dilation of at least 1, found {input}, {kernel}, {stride} and {dilation}"
            );
        }
        if padding > kernel / 2 {
            bail!(
                "pooling takes a padding of at most half the kernel ({}), found {padding}",
                kernel / 2
            );
        }
        let reach = dilation * (kernel - 1) + 1;
        let padded = input + 2 * padding;
        let room = if ceil_mode {
            padded + stride - 1
        } else {
            padded
        };
        if room < reach {
            bail!("the pooling window spans {reach} positions, the padded input only {padded}");
        }
        let size = (room - reach) / stride + 1;
        let starts_outside = ceil_mode && (size - 1) * stride >= input + padding;
        Ok(size - usize::from(starts_outside))
    }

    /// Returns the window of every output position, clipped to the input. `count_padding` says whether an average counts the padding.
    pub(super) fn windows(&self, input: usize, count_padding: bool) -> Result<Windows> {
        let Sliding {
            kernel,
            stride,
            padding,
            dilation,
            ..
        } = *self;
        let output = self.output_size(input)?;
        let windows = (0..output).map(|o| {
            // First in positions of the padded input, then of the input.
            let first = o * stride;
            let last = first + dilation * (kernel - 1) + 1;
            let skipped = padding.saturating_sub(first).div_ceil(dilation) * dilation;
            let start = (first + skipped - padding).min(input);
            let end = last.saturating_sub(padding).min(input).max(start);
            let padded = last.min(input + 2 * padding) - first;
            Window {
                start,
                end,
                size: if count_padding { padded } else { end - start },
            }
        });
        Ok(Windows {
            each: windows.collect(),
            #[cfg(feature = "cuda")]
            rule: [
                input,
                output,
                kernel,
                stride,
                padding,
                dilation,
                usize::from(count_padding),
            ],
        })
    }
}

/// Splits `input` positions into `output` nearly equal windows, which may overlap.
pub(super) fn adaptive(input: usize, output: usize) -> Result<Windows> {
    if input == 0 || output == 0 {
        bail!(
            "adaptive pooling needs an input and an output of at least 1, found {input} and {output}"
        );
    }
    let windows = (0..output).map(|o| {
        let start = o * input / output;
        let end = ((o + 1) * input).div_ceil(output);
        Window {
            start,
            end,
            size: end - start,
        }
    });
    Ok(Windows {
        each: windows.collect(),
        #[cfg(feature = "cuda")]
        rule: [input, output, 1, 0, 0, 1, 0],
    })
}

/// Returns the windows that read each of `input` positions, as ranges, since such windows are consecutive.
pub(super) fn readers(windows: &[Window], input: usize) -> Vec<Range<usize>> {
    (0..input)
        .map(|position| {
            let first = windows.partition_point(|window| window.end <= position);
            let after = windows.partition_point(|window| window.start <= position);
            first..after.max(first)
        })
        .collect()
}

/// Returns the sizes `[n, channels, height, width]` of a feature map.
pub(super) fn feature_map(name: &str, dims: &[usize]) -> Result<[usize; 4]> {
    match *dims {
        [n, c, h, w] if n * c * h * w > 0 => Ok([n, c, h, w]),
        _ => bail!("`{name}` expects (n, channels, height, width), all at least 1, found {dims:?}"),
    }
}
