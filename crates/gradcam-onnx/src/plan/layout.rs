//! What the dimensions of a step's output mean: positions of a feature map, or tokens.

use gradcam_nn::Tokens;
use gradcam_nn::ops::{LinearMap, Rearrange};

use crate::plan::layer::Layer;
use crate::plan::step::Step;
use crate::plan::value::Source;

/// The meaning of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `(n, c, rows, columns)`.
    First { rows: usize, columns: usize },
    /// `(n, rows, columns, c)`.
    Last { rows: usize, columns: usize },
    /// `(n, prefix + rows · columns, c)`.
    Tokens {
        prefix: usize,
        rows: usize,
        columns: usize,
    },
}

/// How a value is offered to a pass, if not as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// `(n, rows, columns, c)` as `(n, c, rows, columns)`.
    Permuted,
    /// `(n, rows · columns, c)` as `(n, c, rows, columns)`.
    Map { rows: usize, columns: usize },
}

/// Follows the meaning of dimensions through the steps of a plan.
pub(crate) fn layouts(steps: &[Step], image: (usize, usize)) -> Vec<Option<Layout>> {
    let mut found: Vec<Option<Layout>> = Vec::with_capacity(steps.len());
    for step in steps {
        let of = |source: &Source| match source {
            Source::Image => Some(Layout::First {
                rows: image.0,
                columns: image.1,
            }),
            Source::Step(index) => found[*index],
            Source::Constant(_) => None,
        };
        let layout = match step.batch {
            Some(0) => after(step, &of),
            _ => None,
        };
        found.push(layout);
    }
    found
}

fn after(step: &Step, of: &dyn Fn(&Source) -> Option<Layout>) -> Option<Layout> {
    let x = step.inputs.first().and_then(of);
    match &step.layer {
        Layer::Conv(_) | Layer::Group(..) | Layer::MaxPool(_) => first(step),
        Layer::BatchNorm(_) | Layer::LayerNorm(_) | Layer::Activation(_) | Layer::Linear(_) => x,
        Layer::Add | Layer::Multiply => x.or_else(|| step.inputs.get(1).and_then(of)),
        Layer::Softmax | Layer::Matmul => None,
        Layer::Concat => joined(step, of),
        Layer::LinearMap(map) => moved(map, x, step),
    }
}

/// Returns the layout of a feature map with more than one position, or none.
fn first(step: &Step) -> Option<Layout> {
    match *step.dims.as_slice() {
        [_, _, rows, columns] => Some(Layout::First { rows, columns }),
        _ => None,
    }
}

/// Tokens joined with constants before them, or maps joined along the channels.
fn joined(step: &Step, of: &dyn Fn(&Source) -> Option<Layout>) -> Option<Layout> {
    let layouts: Vec<Option<Layout>> = step.inputs.iter().map(of).collect();
    match *layouts.last()? {
        Some(Layout::Tokens {
            prefix,
            rows,
            columns,
        }) => {
            let before = step.dims.get(1)?.checked_sub(prefix + rows * columns)?;
            Some(Layout::Tokens {
                prefix: prefix + before,
                rows,
                columns,
            })
        }
        Some(Layout::First { .. }) => layouts[0],
        Some(Layout::Last { .. }) | None => None,
    }
}

fn moved(map: &LinearMap, x: Option<Layout>, step: &Step) -> Option<Layout> {
    let x = x?;
    match map {
        LinearMap::Contiguous => Some(x),
        LinearMap::Rearrange(Rearrange::Tokens) => match x {
            Layout::First { rows, columns } => Some(Layout::Tokens {
                prefix: 0,
                rows,
                columns,
            }),
            Layout::Last { .. } | Layout::Tokens { .. } => None,
        },
        LinearMap::Rearrange(Rearrange::Map { .. }) => first(step),
        LinearMap::Rearrange(_) => None,
        LinearMap::Permute(order) => match (x, order.as_slice()) {
            (Layout::First { rows, columns }, [0, 2, 3, 1]) => Some(Layout::Last { rows, columns }),
            (Layout::Last { rows, columns }, [0, 3, 1, 2]) => Some(Layout::First { rows, columns }),
            _ => None,
        },
        LinearMap::Reshape(dims) => match (x, dims.as_slice()) {
            (Layout::Last { rows, columns }, &[_, t, _]) if t == rows * columns => {
                Some(Layout::Tokens {
                    prefix: 0,
                    rows,
                    columns,
                })
            }
            (
                Layout::Tokens {
                    prefix: 0,
                    rows,
                    columns,
                },
                &[_, r, c, _],
            ) if (r, c) == (rows, columns) => Some(Layout::Last { rows, columns }),
            _ => None,
        },
        // The tokens after the first ones.
        &LinearMap::Slice {
            dim: 1,
            start,
            len,
            step: 1,
        } => match x {
            Layout::Tokens {
                prefix,
                rows,
                columns,
            } if start <= prefix && start + len == prefix + rows * columns => {
                Some(Layout::Tokens {
                    prefix: prefix - start,
                    rows,
                    columns,
                })
            }
            Layout::First { .. } => Some(x),
            Layout::Tokens { .. } | Layout::Last { .. } => None,
        },
        LinearMap::AvgPool(_)
        | LinearMap::AdaptiveAvgPool(_)
        | LinearMap::Resize(_)
        | LinearMap::ConvTranspose(_) => first(step),
        LinearMap::Pad(_) | LinearMap::Interpolate { .. } | LinearMap::Take { .. } => match x {
            Layout::First { .. } => first(step),
            Layout::Last { .. } | Layout::Tokens { .. } => None,
        },
        LinearMap::Flatten
        | LinearMap::Slice { .. }
        | LinearMap::Select { .. }
        | LinearMap::Expand(_)
        | LinearMap::Reduce(_) => None,
    }
}

/// Returns the arrangement of the tokens if all have the same, and for each step how its output is offered.
pub(crate) fn shown(
    layouts: &[Option<Layout>],
    image: (usize, usize),
) -> (Option<Tokens>, Vec<Option<Shown>>) {
    let mut grids: Vec<(usize, usize)> = Vec::new();
    let mut most = 0;
    for layout in layouts.iter().flatten() {
        if let Layout::Tokens {
            prefix,
            rows,
            columns,
        } = *layout
        {
            most = most.max(prefix);
            if !grids.contains(&(rows, columns)) {
                grids.push((rows, columns));
            }
        }
    }
    let tokens = match grids.as_slice() {
        &[(rows, columns)] if rows * columns > 1 => Some(Tokens {
            prefix: most,
            patch: (image.0 / rows, image.1 / columns),
        }),
        _ => None,
    };
    let shown = layouts.iter().map(|layout| match *layout {
        Some(Layout::Last { .. }) => Some(Shown::Permuted),
        Some(Layout::Tokens {
            prefix: 0,
            rows,
            columns,
        }) if tokens.is_none() => Some(Shown::Map { rows, columns }),
        Some(Layout::Tokens { .. } | Layout::First { .. }) | None => None,
    });
    (tokens, shown.collect())
}
