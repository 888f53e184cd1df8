//! Arbitrary functions of the elements of several tensors.

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use crate::dispatch::layout::{channels_first, dense};
use crate::kernels::output::TASK;

/// Applies `f` to the elements of tensors of equal shape, in `f64`, and returns the first tensor's type. Not recorded by candle.
///
/// The function runs on the CPU: tensors on a device are copied there, and the result back.
///
/// # Errors
/// When the shapes differ, or a tensor is neither `f32` nor `f64`.
pub fn pointwise<const N: usize>(
    tensors: [&Tensor; N],
    f: impl Fn([f64; N]) -> f64 + Sync,
) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        bail!("a function of elements needs at least one tensor");
    };
    if let Some(other) = tensors.iter().find(|x| x.dims() != first.dims()) {
        bail!(
            "a function of elements needs tensors of equal shape, found {:?} and {:?}",
            first.dims(),
            other.dims()
        );
    }
    if !first.device().is_cpu() {
        let copies = tensors.map(|x| x.to_device(&Device::Cpu));
        let copies: Vec<Tensor> = copies.into_iter().collect::<Result<_>>()?;
        let mut copies = copies.iter();
        let here = tensors.map(|x| copies.next().unwrap_or(x));
        return pointwise(here, f)?.to_device(first.device());
    }
    // Feature maps stay channels last, so that nothing is copied.
    let all = tensors.iter().map(|x| dense(&x.detach()));
    let all = all.collect::<Result<Vec<Tensor>>>()?;
    let held: Vec<_> = all.iter().map(Tensor::storage_and_layout).collect();
    let mut values = Vec::with_capacity(N);
    for (storage, layout) in &held {
        values.push(match &**storage {
            Storage::Cpu(CpuStorage::F32(v)) => Values::F32(&v[layout.start_offset()..]),
            Storage::Cpu(CpuStorage::F64(v)) => Values::F64(&v[layout.start_offset()..]),
            _ => bail!("a function of elements takes f32 and f64 tensors on one device"),
        });
    }
    let at = |i: usize| f(std::array::from_fn(|n| values[n].at(i)));
    let shape = all[0].shape();
    let y = match first.dtype() {
        DType::F64 => Tensor::from_vec(fill(shape.elem_count(), at), shape, first.device())?,
        _ => {
            let y: Vec<f32> = fill(shape.elem_count(), |i| at(i) as f32);
            Tensor::from_vec(y, shape, first.device())?
        }
    };
    match first.rank() {
        4 => channels_first(&y),
        _ => Ok(y),
    }
}

enum Values<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl Values<'_> {
    fn at(&self, i: usize) -> f64 {
        match self {
            Values::F32(v) => f64::from(v[i]),
            Values::F64(v) => v[i],
        }
    }
}

fn fill<T: Copy + Default + Send>(len: usize, at: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut y = vec![T::default(); len];
    y.par_chunks_mut(TASK).enumerate().for_each(|(task, part)| {
        for (i, y) in part.iter_mut().enumerate() {
            *y = at(task * TASK + i);
        }
    });
    y
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dispatch::layout::channels_last;

    #[test]
    fn elements_meet_whatever_their_layout() {
        let a = Tensor::arange(0.0_f32, 24.0, &Device::Cpu).unwrap();
        let a = a.reshape((1, 2, 3, 4)).unwrap();
        let b = channels_first(&channels_last(&a).unwrap().contiguous().unwrap()).unwrap();
        let y = pointwise([&a, &b], |[a, b]| a - 2.0 * b).unwrap();
        let expected: Vec<f32> = (0..24).map(|i| -(i as f32)).collect();
        let found: Vec<f32> = y.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(found, expected);
        assert!(pointwise([&a, &a.flatten_all().unwrap()], |_| 0.0).is_err());
    }
}
