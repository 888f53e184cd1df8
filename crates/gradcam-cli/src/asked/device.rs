//! `--device` and `--precision`: where and with which precision a network runs.

use anyhow::{Result, bail};
use candle_core::{DType, Device};
use gradcam_models::Model;
use gradcam_nn::ops;

use crate::args::{Network, Precision};

impl Network {
    /// Returns the device that `--device` names.
    ///
    /// # Errors
    /// When there is no such device, or it does not support `--precision`.
    pub(crate) fn device(&self) -> Result<Device> {
        let device = named(&self.device)?;
        match self.precision {
            Precision::F32 => {}
            Precision::Bf16 if device.is_cpu() && !ops::Precision::Bf16.is_supported() => {
                bail!("`--precision bf16`: this processor lacks AVX-512 BF16; leave the option out")
            }
            Precision::Tf32 | Precision::F16 if device.is_cpu() => {
                bail!("`--precision`: tf32 and f16 are for GPUs; a processor has f32 and bf16")
            }
            Precision::Tf32 | Precision::F16 | Precision::Bf16 => {}
        }
        Ok(device)
    }
}

/// Reads `--device`.
fn named(text: &str) -> Result<Device> {
    let (kind, index) = text.split_once(':').unwrap_or((text, "0"));
    match kind {
        "cpu" if text == "cpu" => Ok(Device::Cpu),
        "cuda" => match index.parse() {
            Ok(index) => cuda(text, index),
            Err(_) => bail!("unknown device `{text}`, expected `cpu`, `cuda` or `cuda:N`"),
        },
        _ => bail!("unknown device `{text}`, expected `cpu`, `cuda` or `cuda:N`"),
    }
}

#[cfg(feature = "cuda")]
fn cuda(text: &str, index: usize) -> Result<Device> {
    use anyhow::Context;
    use candle_core::Tensor;

    let device = gradcam_nn::cuda_device(index).with_context(|| {
        format!("`--device {text}`: there is no NVIDIA GPU with this number, or no driver for it")
    })?;
    // A first kernel: candle's kernels are built for one compute capability and later ones.
    Tensor::ones(1, DType::F32, &device)
        .and_then(|one| one.affine(2.0, 1.0))
        .and_then(|_| device.synchronize())
        .with_context(|| {
            format!(
                "`--device {text}`: this build's kernels do not run on the GPU; build it with CUDA_COMPUTE_CAP set to the GPU's compute capability (80 for 8.0)"
            )
        })?;
    Ok(device)
}

#[cfg(not(feature = "cuda"))]
fn cuda(text: &str, _: usize) -> Result<Device> {
    bail!(
        "`--device {text}`: this build computes on the processor; build it with `--features cuda` for NVIDIA GPUs"
    )
}

/// Sets `--precision`, which [`Network::device`] has checked.
pub(super) fn set_precision(model: &mut Model, precision: Precision) -> Result<()> {
    match precision {
        Precision::F32 => {}
        Precision::Bf16 if model.device.is_cpu() => fused(model, ops::Precision::Bf16)?,
        Precision::Tf32 => fused(model, ops::Precision::Tf32)?,
        Precision::F16 => *model = model.in_type(DType::F16)?,
        Precision::Bf16 => *model = model.in_type(DType::BF16)?,
    }
    Ok(())
}

/// Sets the precision of the convolutions.
fn fused(model: &mut Model, precision: ops::Precision) -> Result<()> {
    if !model.network.set_precision(precision) {
        bail!(
            "`--precision {}`: an ONNX file computes in f32; leave the option out",
            precision.name()
        );
    }
    Ok(())
}
