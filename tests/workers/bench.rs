//! Our side of `cargo xtask bench`: a process that answers requests, so that programs can take turns within one run.
//!
//! Each line of standard input is a request in JSON, each line of standard output its answer; `xtask/bench/peers.py` has the other side:
//!
//! ```text
//! {"load": "resnet50", "batch": 8}       {"tasks": ["forward", "grad-cam", "input-gradient", "masks"]}
//! {"time": "forward", "repeats": 20}     {"millis": [...]}
//! anything that fails                    {"error": "..."}
//! ```
//!
//! A load may also name a `"device"` and a `"precision"`. On a device, inputs are there beforehand, results stay there, and the clock stops
//! when the device has finished. With architectures as arguments it only checks that they exist. Networks have random weights.
#![allow(clippy::print_stderr)]

use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use gradcam::{
    Explainer, Grid, Method, RecordedGradCam, Size, Target, input_gradient, masked_logits,
};
use gradcam_models::architectures;
use gradcam_nn::ops::Precision;
use gradcam_nn::{ModuleTree, Weights, cuda_device, logits};
use serde::Deserialize;
use serde_json::{Value, json};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 1000;
/// The class to explain.
const CLASS: usize = 281;
/// Masked copies of one image in a batch.
const MASKS: usize = 8;
/// Masks of RISE, which a device generates itself.
const RISE: usize = 4000;
const TASKS: [&str; 4] = ["forward", "grad-cam", "input-gradient", "masks"];
const DEVICE_TASKS: [&str; 4] = ["forward", "grad-cam", "input-gradient", "rise"];

#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
    Load {
        load: String,
        batch: usize,
        device: Option<String>,
        precision: Option<String>,
    },
    Time {
        time: String,
        repeats: usize,
    },
}

fn main() -> ExitCode {
    gradcam_cli::memory::keep_pages();
    let names: Vec<String> = std::env::args().skip(1).collect();
    let result = if names.is_empty() {
        serve()
    } else {
        names.iter().try_for_each(|name| {
            architectures::find(name)?;
            Ok(())
        })
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<()> {
    let mut loaded = None;
    for line in stdin().lock().lines() {
        let answer =
            answer(&line?, &mut loaded).unwrap_or_else(|e| json!({"error": format!("{e:#}")}));
        let mut out = stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(request: &str, loaded: &mut Option<Subject>) -> Result<Value> {
    match serde_json::from_str(request)? {
        Request::Load {
            load,
            batch,
            device,
            precision,
        } => {
            // Two networks at once would need twice the memory.
            drop(loaded.take());
            let device = match device.as_deref() {
                None | Some("cpu") => Device::Cpu,
                Some("cuda") => cuda_device(0)?,
                Some(other) => cuda_device(other.trim_start_matches("cuda:").parse()?)?,
            };
            let precision = precision.as_deref().unwrap_or("f32");
            let tasks = if device.is_cpu() { TASKS } else { DEVICE_TASKS };
            *loaded = Some(Subject::new(&load, batch, device, precision)?);
            Ok(json!({ "tasks": tasks }))
        }
        Request::Time { time, repeats } => {
            let subject = loaded.as_ref().context("nothing is loaded")?;
            let share = if time == "masks" { MASKS as f64 } else { 1.0 };
            let millis = (0..repeats)
                .map(|_| {
                    let start = Instant::now();
                    subject.run(&time)?;
                    subject.images.device().synchronize()?;
                    Ok(start.elapsed().as_secs_f64() * 1e3 / share)
                })
                .collect::<Result<Vec<f64>>>()?;
            Ok(json!({"millis": millis}))
        }
    }
}

/// A network with its inputs.
struct Subject {
    network: ModuleTree,
    grad_cam: Explainer,
    /// `(batch, 3, side, side)`.
    images: Tensor,
    /// At the images' size.
    masks: Vec<Grid>,
    /// On a device.
    recorded: Option<RecordedGradCam>,
}

impl Subject {
    fn new(name: &str, batch: usize, device: Device, precision: &str) -> Result<Self> {
        let architecture = architectures::find(name)?;
        let side = architecture.input_size as usize;
        let size = Size::new(side, side)?;
        let mask = |values: &[f32]| Grid::new(size, values.to_vec());
        let masks = values((MASKS, 1, side, side))?.flatten_all()?.to_vec1()?;
        let dtype = match precision {
            "f16" => DType::F16,
            "bf16" => DType::BF16,
            "f32" | "tf32" => DType::F32,
            other => bail!("unknown precision `{other}`"),
        };
        let mut network = architecture.build(&Weights::random(0), CLASSES)?;
        if !device.is_cpu() {
            let random = Weights::random(0);
            architecture.build(&random, CLASSES)?;
            let place = |(name, shape): (String, Vec<usize>)| {
                let parameter = random.get(&name, &shape)?.to_device(&device)?;
                let parameter = match shape.len() {
                    0 | 1 => parameter,
                    _ => parameter.to_dtype(dtype)?,
                };
                Ok((name, parameter))
            };
            let parameters = random.requested().into_iter().map(place);
            let parameters = Weights::from_tensors(parameters.collect::<Result<_>>()?);
            network = architecture.build(&parameters, CLASSES)?;
        }
        if precision == "tf32" {
            network.set_precision(Precision::Tf32);
        }
        let images = ((values((batch, 3, side, side))? * 4.0)? - 2.0)?;
        let images = images.to_device(&device)?.to_dtype(dtype)?;
        let layer = architecture.default_layer;
        let recorded = if device.is_cpu() {
            None
        } else {
            let classes = Tensor::full(CLASS as u32, batch, &device)?;
            Some(RecordedGradCam::new(
                &network,
                &images,
                layer,
                Some(&classes),
            )?)
        };
        Ok(Subject {
            network,
            grad_cam: Explainer::default().at(layer),
            images,
            masks: masks
                .chunks_exact(side * side)
                .map(mask)
                .collect::<std::result::Result<_, _>>()?,
            recorded,
        })
    }

    /// Runs the task once.
    fn run(&self, task: &str) -> Result<()> {
        let (network, images) = (&self.network, &self.images);
        match task {
            "forward" => {
                logits(network, images)?;
            }
            "grad-cam" if self.recorded.is_some() => {
                if let Some(recorded) = &self.recorded {
                    recorded.maps(images)?;
                }
            }
            "rise" => {
                let method: Method = "rise".parse()?;
                let rise = Explainer {
                    budget: Some(RISE),
                    ..Explainer::of(method)
                };
                rise.explain_one(network, &images.narrow(0, 0, 1)?, Target::Index(CLASS))?;
            }
            "grad-cam" => {
                let targets = vec![vec![Target::Index(CLASS)]; images.dim(0)?];
                let maps = self.grad_cam.explain(network, images, &targets)?;
                ensure!(maps.len() == targets.len(), "{} maps", maps.len());
            }
            "input-gradient" => {
                let targets = vec![Target::Index(CLASS); images.dim(0)?];
                input_gradient(network, images, &targets)?;
            }
            "masks" => {
                let image = images.narrow(0, 0, 1)?;
                let masks = &self.masks;
                let mask = |i: usize| masks[i].clone();
                masked_logits(network, &image, &[0.0; 3], MASKS, mask, |_, _| Ok(()))?;
            }
            _ => bail!("no task `{task}`"),
        }
        Ok(())
    }
}

/// Values in [0, 1) that look random: the fractional parts of the multiples of the golden ratio.
fn values(shape: (usize, usize, usize, usize)) -> Result<Tensor> {
    let count = shape.0 * shape.1 * shape.2 * shape.3;
    let values: Vec<f32> = (0..count)
        .map(|i| (i as f64 * 0.618_033_988_749_895).fract() as f32)
        .collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}
