//! Makes the steps of a plan, simplified as they are made.

use candle_core::{DType, Device, Tensor};
use gradcam_nn::ops::{Activation, LinearMap, Rearrange, Reduce};

use crate::host::Host;
use crate::plan::batch;
use crate::plan::layer::Layer;
use crate::plan::shared::Shared;
use crate::plan::step::Step;
use crate::plan::value::{Map, Source};
use crate::reason::{Reason, reason};

/// The most elements of one value for one image: 8 GB.
const LARGEST: usize = 1 << 31;
/// The most elements of one constant: 1 GB.
const CONSTANT: usize = 1 << 28;

/// What a builder tries before it adds an operation: a shorter way to the same result.
#[derive(Debug)]
pub(crate) struct Fusions {
    /// For a sum. Only the second summand may be a constant.
    pub(crate) add: fn(&mut Builder<'_>, &Map, &Map) -> Result<Option<Map>, Reason>,
    /// For a product. Only the second factor may be a constant.
    pub(crate) multiply: fn(&mut Builder<'_>, &Map, &Map) -> Result<Option<Map>, Reason>,
    /// For a function of another function's output.
    pub(crate) nested: fn(&Builder<'_>, Activation, &Map) -> Option<(Activation, Map)>,
}

/// Makes the steps of a plan.
///
/// Each method adds an operation to the plan and returns its result, or finds a shorter way to it: the same value reshaped twice, a
/// permutation that another one undoes, an activation spelled out in parts. Parts that nobody reads any more are dropped at the end. An
/// operation on constants alone is computed at once.
pub(crate) struct Builder<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) steps: Vec<Step>,
    image: Vec<usize>,
    fusions: &'a Fusions,
}

impl<'a> Builder<'a> {
    /// Begins a plan for an image of shape `(1, c, h, w)`.
    pub(crate) fn new(shared: &'a Shared, image: Vec<usize>, fusions: &'a Fusions) -> Self {
        Builder {
            shared,
            steps: Vec::new(),
            image,
            fusions,
        }
    }

    /// Returns the network's input.
    pub(crate) fn image(&self) -> Map {
        Map {
            source: Source::Image,
            dims: self.image.clone(),
            batch: Some(0),
        }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.shared.device
    }

    pub(crate) fn dtype(&self) -> DType {
        self.shared.dtype
    }

    /// Returns the value of a source.
    pub(crate) fn at(&self, source: &Source) -> Map {
        match source {
            Source::Image => self.image(),
            Source::Step(index) => {
                let step = &self.steps[*index];
                Map {
                    source: source.clone(),
                    dims: step.dims.clone(),
                    batch: step.batch,
                }
            }
            Source::Constant(tensor) => Map::constant(tensor.clone()),
        }
    }

    /// Returns the step that computes `x`; `None` for the image and for constants.
    pub(crate) fn step(&self, x: &Map) -> Option<&Step> {
        match x.source {
            Source::Step(index) => self.steps.get(index),
            Source::Image | Source::Constant(_) => None,
        }
    }

    /// Makes a tensor of host numbers.
    pub(crate) fn constant(&self, host: &Host) -> Result<Map, Reason> {
        self.shared.constant(host).map(Map::constant)
    }

    /// Makes a constant with one element.
    pub(crate) fn scalar(&self, value: f64) -> Result<Map, Reason> {
        let tensor = Tensor::full(value, (), self.device()).and_then(|t| t.to_dtype(self.dtype()));
        Ok(Map::constant(tensor.map_err(reason)?))
    }

    /// Adds an operation.
    ///
    /// # Errors
    /// When the result is too large, or the operation refuses constants.
    pub(crate) fn apply(
        &mut self,
        layer: Layer,
        inputs: &[&Map],
        dims: Vec<usize>,
        batch: Option<usize>,
    ) -> Result<Map, Reason> {
        let constants: Option<Vec<&Tensor>> = inputs.iter().map(|x| x.tensor()).collect();
        let limit = if constants.is_some() {
            CONSTANT
        } else {
            LARGEST
        };
        let len = count(&dims);
        if len.is_none_or(|len| len > limit) {
            return Err(format!("a value of shape {dims:?} is too large"));
        }
        if let Some(tensors) = constants {
            let y = layer.run(&tensors, &mut ()).map_err(reason)?;
            return Ok(Map::constant(y.contiguous().map_err(reason)?));
        }
        self.steps.push(Step {
            layer,
            inputs: inputs.iter().map(|x| x.source.clone()).collect(),
            dims: dims.clone(),
            batch,
            names: Vec::new(),
        });
        Ok(Map {
            source: Source::Step(self.steps.len() - 1),
            dims,
            batch,
        })
    }

    /// Adds a linear map of one input.
    pub(crate) fn linear_map(&mut self, map: LinearMap, x: &Map) -> Result<Map, Reason> {
        let dims = map.output_dims(&x.dims).map_err(reason)?;
        let batch = batch::after(&map, x, &dims);
        self.apply(Layer::LinearMap(map), &[x], dims, batch)
    }

    /// Adds an operation that works on each image, with the result's shape.
    pub(crate) fn each(&mut self, layer: Layer, x: &Map, dims: Vec<usize>) -> Result<Map, Reason> {
        self.apply(layer, &[x], dims, x.batch)
    }

    /// Gives a value another shape.
    pub(crate) fn reshape(&mut self, x: &Map, dims: &[usize]) -> Result<Map, Reason> {
        if count(dims) != Some(x.len()) {
            return Err(format!("{:?} cannot be reshaped to {dims:?}", x.dims));
        }
        let map = LinearMap::Reshape(dims.to_vec());
        let batch = batch::after(&map, x, dims);
        self.reshaped(x, dims, batch)
    }

    /// Gives a value a shape in which dimension `batch` counts the images.
    pub(crate) fn reshaped(
        &mut self,
        x: &Map,
        dims: &[usize],
        batch: Option<usize>,
    ) -> Result<Map, Reason> {
        if x.dims == dims {
            return Ok(x.clone());
        }
        if let Some((Layer::LinearMap(LinearMap::Reshape(_)), inner)) = self.only(x) {
            // Both follow the images, or the short way would.
            if inner.batch.is_some() == batch.is_some() {
                return self.reshaped(&inner, dims, batch);
            }
        }
        if let Some(y) = self.as_tokens(x, dims)? {
            return Ok(y);
        }
        let map = LinearMap::Reshape(dims.to_vec());
        self.apply(Layer::LinearMap(map), &[x], dims.to_vec(), batch)
    }

    /// Inserts dimensions of size 1 before those with these numbers of the result, in rising order.
    pub(crate) fn unsqueeze(&mut self, x: &Map, at: &[usize]) -> Result<Map, Reason> {
        let (mut dims, mut batch) = (x.dims.clone(), x.batch);
        for &dim in at {
            if dim > dims.len() {
                return Err(format!("no dimension {dim} can be inserted into {dims:?}"));
            }
            dims.insert(dim, 1);
            batch = batch.map(|batch| if dim <= batch { batch + 1 } else { batch });
        }
        self.reshaped(x, &dims, batch)
    }

    /// Removes dimensions of size 1, in rising order.
    pub(crate) fn squeeze(&mut self, x: &Map, at: &[usize]) -> Result<Map, Reason> {
        let (mut dims, mut batch) = (x.dims.clone(), x.batch);
        for &dim in at.iter().rev() {
            if dims.get(dim) != Some(&1) {
                return Err(format!(
                    "dimension {dim} of {:?} does not have size 1",
                    x.dims
                ));
            }
            dims.remove(dim);
            batch = match batch {
                Some(batch) if batch == dim => None,
                Some(batch) if batch > dim => Some(batch - 1),
                other => other,
            };
        }
        self.reshaped(x, &dims, batch)
    }

    /// Permutes the dimensions: output dimension `i` is input dimension `order[i]`.
    pub(crate) fn permute(&mut self, x: &Map, order: &[usize]) -> Result<Map, Reason> {
        let map = LinearMap::Permute(order.to_vec());
        let dims = map.output_dims(&x.dims).map_err(reason)?;
        if order.iter().copied().eq(0..order.len()) {
            return Ok(x.clone());
        }
        if let Some((Layer::LinearMap(LinearMap::Permute(first)), inner)) = self.only(x) {
            let order: Vec<usize> = order.iter().map(|&dim| first[dim]).collect();
            return self.permute(&inner, &order);
        }
        if let Some(y) = self.as_map(x, order, &dims)? {
            return Ok(y);
        }
        self.linear_map(map, x)
    }

    /// Returns the operation and the input of a step with one input.
    pub(crate) fn only(&self, x: &Map) -> Option<(Layer, Map)> {
        let step = self.step(x)?;
        match step.inputs.as_slice() {
            [input] => Some((step.layer.clone(), self.at(input))),
            _ => None,
        }
    }

    /// Finds `(n, c, h, w)` → `(n, h, w, c)` → `(n, h·w, c)`, which is free in the layout of feature maps, and its inverse.
    fn as_tokens(&mut self, x: &Map, dims: &[usize]) -> Result<Option<Map>, Reason> {
        let Some((Layer::LinearMap(LinearMap::Permute(order)), inner)) = self.only(x) else {
            return Ok(None);
        };
        if inner.batch != Some(0) {
            return Ok(None);
        }
        match (order.as_slice(), inner.dims.as_slice(), dims) {
            ([0, 2, 3, 1], &[n, c, h, w], &[n_, t, c_]) if (n, h * w, c) == (n_, t, c_) => {
                self.rearrange(Rearrange::Tokens, &inner).map(Some)
            }
            ([0, 2, 1], &[n, t, c], &[n_, c_, rows, columns])
                if (n, c) == (n_, c_) && rows * columns == t =>
            {
                let map = Rearrange::Map { rows, columns };
                self.rearrange(map, &inner).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Finds `(n, c, h, w)` → `(n, c, h·w)` → `(n, h·w, c)`, and `(n, h·w, c)` → `(n, h, w, c)` → `(n, c, h, w)`.
    fn as_map(&mut self, x: &Map, order: &[usize], dims: &[usize]) -> Result<Option<Map>, Reason> {
        let Some((Layer::LinearMap(LinearMap::Reshape(_)), inner)) = self.only(x) else {
            return Ok(None);
        };
        if inner.batch != Some(0) {
            return Ok(None);
        }
        match (order, inner.dims.as_slice(), dims) {
            ([0, 2, 1], &[n, c, h, w], &[n_, t, c_]) if (n, h * w, c) == (n_, t, c_) => {
                self.rearrange(Rearrange::Tokens, &inner).map(Some)
            }
            ([0, 3, 1, 2], &[n, t, c], &[n_, c_, rows, columns])
                if (n, c) == (n_, c_) && rows * columns == t =>
            {
                let map = Rearrange::Map { rows, columns };
                self.rearrange(map, &inner).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn rearrange(&mut self, map: Rearrange, x: &Map) -> Result<Map, Reason> {
        self.linear_map(LinearMap::Rearrange(map), x)
    }

    /// Adds a sum or a mean over dimensions.
    pub(crate) fn reduce(
        &mut self,
        x: &Map,
        dims: &[usize],
        mean: bool,
        keep: bool,
    ) -> Result<Map, Reason> {
        let reduce = Reduce {
            dims: dims.to_vec(),
            mean,
            keep,
        };
        self.linear_map(LinearMap::Reduce(reduce), x)
    }

    /// Repeats dimensions of size 1, and adds dimensions in front, to reach a shape.
    pub(crate) fn expand(&mut self, x: &Map, dims: &[usize]) -> Result<Map, Reason> {
        let fits = dims.len() >= x.rank()
            && x.dims
                .iter()
                .rev()
                .zip(dims.iter().rev())
                .all(|(&from, &to)| from == to || from == 1);
        if !fits {
            return Err(format!("{:?} cannot be expanded to {dims:?}", x.dims));
        }
        let front: Vec<usize> = (0..dims.len() - x.rank()).collect();
        let x = self.unsqueeze(x, &front)?;
        if x.dims == dims {
            return Ok(x);
        }
        if x.dims[0] == dims[0] {
            return self.linear_map(LinearMap::Expand(dims[1..].to_vec()), &x);
        }
        let one = self.unsqueeze(&x, &[0])?;
        let y = self.linear_map(LinearMap::Expand(dims.to_vec()), &one)?;
        self.squeeze(&y, &[0])
    }

    /// Applies an element-wise function.
    pub(crate) fn activation(&mut self, f: Activation, x: &Map) -> Result<Map, Reason> {
        if let Some((order, inner)) = self.unpermuted(x) {
            let y = self.activation(f, &inner)?;
            return self.permute(&y, &order);
        }
        match (self.fusions.nested)(self, f, x) {
            Some((f, x)) => self.activation(f, &x),
            None => self.each(Layer::Activation(f), x, x.dims.clone()),
        }
    }

    /// Adds two values, with broadcasting.
    pub(crate) fn add(&mut self, a: &Map, b: &Map) -> Result<Map, Reason> {
        let (x, y) = if a.tensor().is_some() { (b, a) } else { (a, b) };
        if let Some(found) = (self.fusions.add)(self, x, y)? {
            return Ok(found);
        }
        if let Some((order, x, y)) = self.both_unpermuted(x, y)? {
            let sum = self.add(&x, &y)?;
            return self.permute(&sum, &order);
        }
        let dims = broadcast(&x.dims, &y.dims)?;
        // The first summand has the shape of the sum.
        let (x, y) = if x.dims == dims {
            (x.clone(), y.clone())
        } else if y.dims == dims && y.tensor().is_none() {
            (y.clone(), x.clone())
        } else {
            (self.expand(x, &dims)?, y.clone())
        };
        let batch = batch::joint(&[&x, &y], dims.len());
        self.apply(Layer::Add, &[&x, &y], dims, batch)
    }

    /// Multiplies two values, with broadcasting.
    pub(crate) fn multiply(&mut self, a: &Map, b: &Map) -> Result<Map, Reason> {
        let (x, y) = if a.tensor().is_some() { (b, a) } else { (a, b) };
        if let Some(found) = (self.fusions.multiply)(self, x, y)? {
            return Ok(found);
        }
        if let Some((order, x, y)) = self.both_unpermuted(x, y)? {
            let product = self.multiply(&x, &y)?;
            return self.permute(&product, &order);
        }
        let dims = broadcast(&x.dims, &y.dims)?;
        let (x, y) = if x.dims == dims || y.tensor().is_some() {
            (x, y)
        } else {
            (y, x)
        };
        let x = if x.dims == dims {
            x.clone()
        } else {
            self.expand(x, &dims)?
        };
        let batch = batch::joint(&[&x, y], dims.len());
        self.apply(Layer::Multiply, &[&x, y], dims, batch)
    }

    /// Multiplies by a number.
    pub(crate) fn scale(&mut self, x: &Map, factor: f64) -> Result<Map, Reason> {
        if factor == 1.0 {
            return Ok(x.clone());
        }
        let factor = self.scalar(factor)?;
        self.multiply(x, &factor)
    }

    /// Adds a number.
    pub(crate) fn shift(&mut self, x: &Map, summand: f64) -> Result<Map, Reason> {
        if summand == 0.0 {
            return Ok(x.clone());
        }
        let summand = self.scalar(summand)?;
        self.add(x, &summand)
    }

    /// Adds a softmax over a dimension.
    pub(crate) fn softmax(&mut self, x: &Map, dim: usize) -> Result<Map, Reason> {
        let last = x.rank().saturating_sub(1);
        if dim == last {
            let batch = x.batch.filter(|&batch| batch != last);
            return self.apply(Layer::Softmax, &[x], x.dims.clone(), batch);
        }
        let order = swapped(x.rank(), dim, last);
        let x = self.permute(x, &order)?;
        let y = self.softmax(&x, last)?;
        self.permute(&y, &order)
    }

    /// Joins values along a dimension.
    pub(crate) fn concat(&mut self, parts: &[Map], dim: usize) -> Result<Map, Reason> {
        let Some(first) = parts.first() else {
            return Err("nothing to join".to_string());
        };
        if parts.len() == 1 {
            return Ok(first.clone());
        }
        let rank = first.rank();
        let mut dims = first.dims.clone();
        dims[dim] = 0;
        for part in parts {
            let fits =
                part.rank() == rank && (0..rank).all(|i| i == dim || part.dims[i] == first.dims[i]);
            if !fits {
                return Err(format!(
                    "{:?} and {:?} cannot be joined along dimension {dim}",
                    first.dims, part.dims
                ));
            }
            dims[dim] += part.dims[dim];
        }
        if dim != 1 || rank < 2 {
            // Joined along dimension 1 of a permuted view.
            if rank < 2 {
                let parts = parts
                    .iter()
                    .map(|part| self.unsqueeze(part, &[0]))
                    .collect::<Result<Vec<_>, _>>()?;
                let y = self.concat(&parts, 1)?;
                return self.squeeze(&y, &[0]);
            }
            let order = if rank == 4 && dim == 3 {
                vec![0, 3, 1, 2]
            } else {
                swapped(rank, dim, 1)
            };
            let parts = parts
                .iter()
                .map(|part| self.permute(part, &order))
                .collect::<Result<Vec<_>, _>>()?;
            let y = self.concat(&parts, 1)?;
            return self.permute(&y, &inverse(&order));
        }
        let inputs: Vec<&Map> = parts.iter().collect();
        let batch = batch::joint(&inputs, rank).filter(|&batch| batch != dim);
        self.apply(Layer::Concat, &inputs, dims, batch)
    }

    /// Takes every `step`-th position of one dimension, `len` of them.
    pub(crate) fn slice(
        &mut self,
        x: &Map,
        dim: usize,
        start: usize,
        len: usize,
        step: usize,
    ) -> Result<Map, Reason> {
        if (start, len, step) == (0, x.dims[dim], 1) {
            return Ok(x.clone());
        }
        let map = LinearMap::Slice {
            dim,
            start,
            len,
            step,
        };
        self.linear_map(map, x)
    }

    /// Takes entries of one dimension.
    pub(crate) fn take(&mut self, x: &Map, dim: usize, indices: Vec<usize>) -> Result<Map, Reason> {
        if let Some((&first, rest)) = indices.split_first()
            && rest.iter().zip(first + 1..).all(|(&a, b)| a == b)
        {
            return self.slice(x, dim, first, indices.len(), 1);
        }
        self.linear_map(LinearMap::Take { dim, indices }, x)
    }

    /// Adds matrix products, with broadcasting of the leading dimensions.
    pub(crate) fn matmul(&mut self, a: &Map, b: &Map) -> Result<Map, Reason> {
        let (rows, columns) = (a.dims[a.rank() - 2], b.dims[b.rank() - 1]);
        let inner = (a.dims[a.rank() - 1], b.dims[b.rank() - 2]);
        if inner.0 != inner.1 {
            return Err(format!(
                "{:?} and {:?} cannot be multiplied: the inner sizes differ",
                a.dims, b.dims
            ));
        }
        let lead = broadcast(&a.dims[..a.rank() - 2], &b.dims[..b.rank() - 2])?;
        let a = self.expand(a, &[&lead[..], &[rows, inner.0]].concat())?;
        let b = self.expand(b, &[&lead[..], &[inner.0, columns]].concat())?;
        let dims = [&lead[..], &[rows, columns]].concat();
        let batch = batch::joint(&[&a, &b], dims.len()).filter(|&batch| batch < lead.len());
        self.apply(Layer::Matmul, &[&a, &b], dims, batch)
    }

    /// Returns the order and the input of a permutation.
    fn unpermuted(&self, x: &Map) -> Option<(Vec<usize>, Map)> {
        match self.only(x)? {
            (Layer::LinearMap(LinearMap::Permute(order)), inner) => Some((order, inner)),
            _ => None,
        }
    }

    /// Returns two values before the permutation that both have; a constant is permuted back.
    fn both_unpermuted(
        &mut self,
        x: &Map,
        y: &Map,
    ) -> Result<Option<(Vec<usize>, Map, Map)>, Reason> {
        let Some((order, inner)) = self.unpermuted(x) else {
            return Ok(None);
        };
        if y.len() == 1 && y.tensor().is_some() && y.rank() <= x.rank() {
            return Ok(Some((order, inner, y.clone())));
        }
        if y.tensor().is_some() && y.rank() <= x.rank() {
            let front: Vec<usize> = (0..x.rank() - y.rank()).collect();
            let y = self.unsqueeze(y, &front)?;
            let y = self.permute(&y, &inverse(&order))?;
            return Ok(Some((order, inner, y)));
        }
        Ok(match self.unpermuted(y) {
            Some((other, y)) if other == order => Some((order, inner, y)),
            _ => None,
        })
    }
}

/// Returns the number of elements of a shape; `None` if it is beyond all numbers.
pub(crate) fn count(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim))
}

/// Returns the shape of an element-wise result.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Reason> {
    let rank = a.len().max(b.len());
    let size = |dims: &[usize], i: usize| {
        let skipped = rank - dims.len();
        if i < skipped { 1 } else { dims[i - skipped] }
    };
    (0..rank)
        .map(|i| match (size(a, i), size(b, i)) {
            (a, b) if a == b => Ok(a),
            (1, b) => Ok(b),
            (a, 1) => Ok(a),
            _ => Err(format!("{a:?} and {b:?} cannot be broadcast to one shape")),
        })
        .collect()
}

/// Returns the order that swaps two dimensions.
pub(crate) fn swapped(rank: usize, a: usize, b: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(a, b);
    order
}

/// Returns the order that undoes another.
pub(crate) fn inverse(order: &[usize]) -> Vec<usize> {
    let mut back = vec![0; order.len()];
    for (output, &input) in order.iter().enumerate() {
        back[input] = output;
    }
    back
}
