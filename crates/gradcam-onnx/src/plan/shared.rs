//! What the plans of one network share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Tensor, TensorId};
use gradcam_nn::ops::{Conv2d, ConvOptions, Linear};

use crate::host::{Data, Host};
use crate::reason::Reason;
use crate::reason::reason;

/// The element type, the device, and the layers whose packed weights all plans share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dtype: DType,
    pub(crate) device: Device,
    convolutions: Mutex<HashMap<TensorId, Vec<Conv2d>>>,
    linears: Mutex<HashMap<(TensorId, bool), Linear>>,
}

impl Shared {
    pub(crate) fn new(dtype: DType, device: Device) -> Self {
        Shared {
            dtype,
            device,
            convolutions: Mutex::default(),
            linears: Mutex::default(),
        }
    }

    /// Makes a tensor of host numbers; truth values become 0 and 1.
    pub(crate) fn constant(&self, host: &Host) -> Result<Tensor, Reason> {
        let dims = host.dims().to_vec();
        let tensor = match host.data() {
            Data::Float(values) => Tensor::from_slice(values, dims, &Device::Cpu),
            Data::Int(values) => {
                let values: Vec<f64> = values.iter().map(|&value| value as f64).collect();
                Tensor::from_vec(values, dims, &Device::Cpu)
            }
            Data::Bool(values) => {
                let values: Vec<f32> = values.iter().map(|&value| f32::from(value)).collect();
                Tensor::from_vec(values, dims, &Device::Cpu)
            }
        };
        tensor
            .and_then(|tensor| tensor.to_dtype(self.dtype)?.to_device(&self.device))
            .map_err(reason)
    }

    /// Makes a convolution, or finds one with the same weight.
    pub(crate) fn conv(
        &self,
        weight: &Tensor,
        bias: Option<Tensor>,
        options: ConvOptions,
    ) -> Conv2d {
        let mut known = self
            .convolutions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let same = known.entry(weight.id()).or_default();
        let found = same.iter().find(|conv| conv.options() == options).cloned();
        let conv = found.unwrap_or_else(|| {
            let conv = Conv2d::new(weight.clone(), None, options);
            same.push(conv.clone());
            conv
        });
        conv.with_bias(bias)
    }

    /// Makes a fully connected layer of a weight `(outputs, inputs)`, or `(inputs, outputs)` if `transposed`; or finds one.
    pub(crate) fn linear(
        &self,
        weight: &Tensor,
        transposed: bool,
        bias: Option<Tensor>,
    ) -> candle_core::Result<Linear> {
        let mut known = self.linears.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (weight.id(), transposed);
        let linear = match known.get(&key) {
            Some(linear) => linear.clone(),
            None => {
                let weight = if transposed {
                    weight.t()?
                } else {
                    weight.clone()
                };
                let linear = Linear::new(weight.contiguous()?, None);
                known.insert(key, linear.clone());
                linear
            }
        };
        Ok(linear.with_bias(bias))
    }
}
