//! Self-attention.

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::limit;
use crate::ops::linear::Linear;
use crate::ops::rearrange::Rearrange;
use crate::pass::Pass;

/// An operation and the paths of its output.
pub type Named<T> = (Vec<String>, T);

/// Multi-head self-attention over `(n, tokens, channels)` (Vaswani et al. 2017, section 3.2.2): for each head
/// `softmax(q · kᵀ / √d + bias) · v`.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Maps the channels to query, key and value, side by side.
    pub qkv: Named<Linear>,
    /// The number of heads.
    pub heads: usize,
    /// Paths of the queries `(n, heads, tokens, d)`, before they are scaled.
    pub query_names: Vec<String>,
    /// Paths of the keys.
    pub key_names: Vec<String>,
    /// Paths of the attention weights, `(n, heads, tokens, tokens)`: a row for each query, summing to 1.
    pub attention_names: Vec<String>,
    /// Paths of the heads' outputs side by side, `(n, tokens, channels)`.
    pub mixed_names: Vec<String>,
    /// Maps the heads' outputs to the output.
    pub proj: Named<Linear>,
}

impl Attention {
    /// Attends over the tokens `x`, with an optional `bias` of the attention's shape added to the scores.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn run(&self, x: &Tensor, bias: Option<&Tensor>, pass: &mut dyn Pass) -> Result<Tensor> {
        let (names, layer) = &self.qkv;
        let joint = pass.linear(layer, x)?;
        let joint = pass.tap_all(names, joint)?;
        let part = |part| Rearrange::Heads {
            part,
            parts: 3,
            heads: self.heads,
        };
        let query = pass.rearrange(&part(0), &joint)?;
        let query = pass.tap_all(&self.query_names, query)?;
        let key = pass.rearrange(&part(1), &joint)?;
        let key = pass.tap_all(&self.key_names, key)?;
        let value = pass.rearrange(&part(2), &joint)?;

        let scale = 1.0 / (query.dim(3)? as f64).sqrt();
        let scale = Tensor::full(scale, (), x.device())?.to_dtype(x.dtype())?;
        let query = pass.multiply(&query, &scale)?;
        let key = pass.rearrange(&Rearrange::Transpose, &key)?;
        let mut scores = pass.matmul(&query, &key)?;
        if let Some(bias) = bias {
            scores = pass.add(&scores, bias)?;
        }
        let attention = pass.softmax(&scores)?;
        let attention = pass.tap_all(&self.attention_names, attention)?;
        let mixed = pass.matmul(&attention, &value)?;
        let mixed = pass.rearrange(&Rearrange::JoinHeads, &mixed)?;
        let mixed = pass.tap_all(&self.mixed_names, mixed)?;
        let (names, layer) = &self.proj;
        let y = pass.linear(layer, &mixed)?;
        pass.tap_all(names, y)
    }
}

/// Attention inside the windows of a feature map `(n, c, h, w)`, with a bias for each relative position (Swin, Liu et al. 2021,
/// section 3.2).
///
/// Along an axis where the map is no larger than a window, it is not shifted. A map smaller than a window is refused: timm would
/// resize the table of biases by a rule of its own.
#[derive(Debug, Clone)]
pub struct WindowAttention {
    /// Paths of the attention's output before the windows are joined, `(n·windows, positions, c)`.
    pub names: Vec<String>,
    /// The attention that runs in each window.
    pub attention: Attention,
    /// Rows and columns of a window.
    size: usize,
    /// Rows and columns by which the windows are shifted.
    shift: usize,
    /// The bias of each pair of positions, `(heads, positions, positions)`.
    bias: Tensor,
}

/// Added to the scores of pairs that the cyclic shift brought together, as in the authors' code.
const APART: f32 = -100.0;

impl WindowAttention {
    /// Makes windows of `size`, shifted by `shift`, with a `table` of biases `((2·size - 1)², heads)`.
    ///
    /// # Errors
    /// When the table has another shape.
    pub fn new(
        names: Vec<String>,
        attention: Attention,
        (size, shift): (usize, usize),
        table: &Tensor,
    ) -> Result<Self> {
        let (span, area) = (2 * size - 1, size * size);
        if table.dims() != [span * span, attention.heads] {
            bail!(
                "windows of {size} × {size} take a table of [{}, {}], found {:?}",
                span * span,
                attention.heads,
                table.dims()
            );
        }
        let mut index = Vec::with_capacity(area * area);
        for query in 0..area {
            for key in 0..area {
                let down = query / size + size - 1 - key / size;
                let right = query % size + size - 1 - key % size;
                index.push((down * span + right) as u32);
            }
        }
        let index = Tensor::from_vec(index, area * area, table.device())?;
        let bias = table.contiguous()?.index_select(&index, 0)?;
        let bias = bias.t()?.reshape((attention.heads, area, area))?;
        Ok(WindowAttention {
            names,
            attention,
            size,
            shift,
            bias,
        })
    }

    /// Attends inside the windows of `x` and returns a map of the same shape.
    ///
    /// # Errors
    /// When the map is smaller than a window or so large that its biases take more than 512 MB, or when the shapes do not fit.
    pub fn run(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let (n, _, rows, columns) = x.dims4()?;
        let size = self.size;
        if rows < size || columns < size {
            bail!(
                "the windows of {size} × {size} do not fit a map of {rows} × {columns}: the input is too small"
            );
        }
        let along = |len: usize| if len > size { self.shift } else { 0 };
        let shift = (along(rows), along(columns));
        let windows = pass.rearrange(&Rearrange::Windows { size, shift }, x)?;
        let bias = self.bias(n, (rows, columns), shift)?;
        let y = self.attention.run(&windows, Some(&bias), pass)?;
        let y = pass.tap_all(&self.names, y)?;
        let back = Rearrange::JoinWindows {
            rows,
            columns,
            size,
            shift,
        };
        pass.rearrange(&back, &y)
    }

    /// Returns the bias of every window of `n` images, `(n·windows, heads, positions, positions)`.
    fn bias(&self, n: usize, map: (usize, usize), shift: (usize, usize)) -> Result<Tensor> {
        let (heads, area, _) = self.bias.dims3()?;
        let size = self.size;
        let (down, right) = (map.0.div_ceil(size), map.1.div_ceil(size));
        let shape = (down * right, heads, area, area);
        limit::table("the biases of windows", &[shape.0, heads, area, area])?;
        // For all images together: the shape of the scores that the bias is added to.
        limit::product(&[n * shape.0, heads, area, area])?;
        let mut bias = self.bias.unsqueeze(0)?.broadcast_as(shape)?;
        if shift != (0, 0) {
            let mask = self.mask((down, right), shift)?.to_dtype(bias.dtype())?;
            bias = (bias + mask.unsqueeze(1)?.broadcast_as(shape)?)?;
        }
        bias.repeat((n, 1, 1, 1))?.contiguous()
    }

    /// Returns `(windows, positions, positions)`: [`APART`] for pairs that the cyclic shift brought together, else 0.
    fn mask(&self, (down, right): (usize, usize), shift: (usize, usize)) -> Result<Tensor> {
        let size = self.size;
        // Along one axis: the windows left whole by the shift, then the two parts of the last one.
        let region = |position: usize, windows: usize, shift: usize| {
            let len = windows * size;
            usize::from(shift > 0 && position >= len - size)
                + usize::from(shift > 0 && position >= len - shift)
        };
        let area = size * size;
        let mut mask = Vec::with_capacity(down * right * area * area);
        for window in 0..down * right {
            let regions: Vec<_> = (0..area)
                .map(|position| {
                    let row = window / right * size + position / size;
                    let column = window % right * size + position % size;
                    (region(row, down, shift.0), region(column, right, shift.1))
                })
                .collect();
            for query in &regions {
                mask.extend(
                    regions
                        .iter()
                        .map(|key| if key == query { 0.0 } else { APART }),
                );
            }
        }
        Tensor::from_vec(mask, (down * right, area, area), &Device::Cpu)?
            .to_dtype(DType::F32)?
            .to_device(self.bias.device())
    }
}
