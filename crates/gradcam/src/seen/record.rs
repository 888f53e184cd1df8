//! A forward pass that is recorded from some layers or the pixels on, and the backward pass to them.

use candle_core::{Device, Result, Tensor, Var};
use gradcam_nn::{Network, Pass, Tape};

/// A recorded forward pass.
pub(crate) struct Record {
    /// The network's output; scores are functions of it.
    pub(crate) output: Tensor,
    way: Way,
}

enum Way {
    /// All operations went through the pass. The score is a function of the output that only candle knows, so the output is a variable.
    Tape {
        tape: Tape,
        sources: Vec<Option<Tensor>>,
        output: Tensor,
    },
    /// candle's graph.
    Graph(Vec<Option<Cut>>),
}

/// An activation, and the variable that its gradient is read from.
struct Cut {
    activation: Tensor,
    variable: Var,
}

impl Record {
    /// Records from the modules `layers` on.
    pub(crate) fn at(network: &dyn Network, images: &Tensor, layers: &[String]) -> Result<Self> {
        if network.passes_all() {
            let mut tape = Tape::at(layers);
            let output = network.forward(images, &mut tape)?;
            let sources = tape.activations().to_vec();
            return Record::tape(tape, sources, output);
        }
        let mut capture = Capture {
            layers,
            cuts: layers.iter().map(|_| None).collect(),
        };
        Ok(Record {
            output: network.forward(images, &mut capture)?,
            way: Way::Graph(capture.cuts),
        })
    }

    /// Records everything; the only source is the batch of images.
    pub(crate) fn from_input(network: &dyn Network, images: &Tensor) -> Result<Self> {
        if network.passes_all() {
            let input = images.detach();
            let mut tape = Tape::new(&input);
            let output = network.forward(&input, &mut tape)?;
            return Record::tape(tape, vec![Some(input)], output);
        }
        let variable = Var::from_tensor(images)?;
        Ok(Record {
            output: network.forward(variable.as_tensor(), &mut ())?,
            way: Way::Graph(vec![Some(Cut {
                activation: images.clone(),
                variable,
            })]),
        })
    }

    fn tape(tape: Tape, sources: Vec<Option<Tensor>>, output: Tensor) -> Result<Self> {
        Ok(Record {
            output: Var::from_tensor(&output)?.into_inner(),
            way: Way::Tape {
                tape,
                sources,
                output,
            },
        })
    }

    /// Returns the activation at each source; `None` for a layer that the network has not tapped.
    pub(crate) fn activations(&self) -> Vec<Option<&Tensor>> {
        match &self.way {
            Way::Tape { sources, .. } => sources.iter().map(Option::as_ref).collect(),
            Way::Graph(cuts) => cuts
                .iter()
                .map(|cut| cut.as_ref().map(|cut| &cut.activation))
                .collect(),
        }
    }

    /// Returns the gradient of `score`, a number computed from the output, at each source; `None` if the score does not depend on it.
    pub(crate) fn gradients(&self, score: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let device = score.device();
        let graph = in_pool(device, || score.backward())?;
        match &self.way {
            Way::Tape {
                tape,
                sources,
                output,
            } => {
                let known: Vec<&Tensor> = sources.iter().flatten().collect();
                let Some(grad) = graph.get(&self.output) else {
                    return Ok(vec![None; sources.len()]);
                };
                let grads = in_pool(device, || tape.backward(output, grad.clone(), &known))?;
                let mut grads = grads.into_iter();
                let of = |source: &Option<Tensor>| source.as_ref().and_then(|_| grads.next()?);
                Ok(sources.iter().map(of).collect())
            }
            Way::Graph(cuts) => Ok(cuts
                .iter()
                .map(|cut| graph.get(cut.as_ref()?.variable.as_tensor()).cloned())
                .collect()),
        }
    }
}

/// Runs `f` in the thread pool, which is then entered once instead of for every operation. On a device, `f` runs in the calling thread,
/// since the work of a device may be ordered by threads.
pub(crate) fn in_pool<T: Send>(device: &Device, f: impl FnOnce() -> T + Send) -> T {
    if device.is_cpu() {
        rayon::scope(|_| f())
    } else {
        f()
    }
}

/// The pass that cuts candle's graph at the named layers.
///
/// Weights are plain tensors, so candle records nothing before the first variable. With one layer, the activation itself becomes a
/// variable, and the backward pass covers the head alone. With several, the later ones get a variable of zeros added, whose gradient is the
/// activation's.
struct Capture<'a> {
    layers: &'a [String],
    cuts: Vec<Option<Cut>>,
}

impl Pass for Capture<'_> {
    fn wants(&self, name: &str) -> bool {
        self.layers.iter().any(|layer| layer == name)
    }

    fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
        let Some(index) = self.layers.iter().position(|layer| layer == name) else {
            return Ok(x);
        };
        let (variable, y) = if x.track_op() {
            let variable = Var::zeros(x.dims(), x.dtype(), x.device())?;
            let y = (&x + variable.as_tensor())?;
            (variable, y)
        } else {
            let variable = Var::from_tensor(&x)?;
            let y = variable.as_tensor().clone();
            (variable, y)
        };
        // If a module runs more than once, its last call counts, as with PyTorch's hooks.
        self.cuts[index] = Some(Cut {
            activation: x.detach(),
            variable,
        });
        Ok(y)
    }
}
