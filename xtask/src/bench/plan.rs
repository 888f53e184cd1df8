//! The plan of a measurement.

use std::thread;

use anyhow::{Result, ensure};

use crate::flags::Bench;

/// One architecture of each family.
const FAMILIES: [&str; 13] = [
    "resnet50",
    "resnext50_32x4d",
    "efficientnet_lite0",
    "efficientnet_b0",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "vgg16",
    "densenet121",
    "inception_v3",
    "convnext_tiny",
    "squeezenet1_1",
    "googlenet",
    "alexnet",
];
/// The architectures that are compared with the peers.
const COMPARED: [&str; 7] = [
    "resnet50",
    "efficientnet_lite0",
    "vgg16",
    "densenet121",
    "inception_v3",
    "mobilenetv2_100",
    "convnext_tiny",
];
const TASKS: [&str; 6] = [
    "forward",
    "grad-cam",
    "input-gradient",
    "masks",
    "rise",
    "cli",
];

/// The plan of a measurement.
pub(crate) struct Plan {
    pub(super) architectures: Vec<String>,
    pub(super) batches: Vec<usize>,
    pub(super) tasks: Vec<String>,
    pub(super) rounds: usize,
    pub(super) threads: usize,
    /// `cpu`, `cuda` or `cuda:N`.
    pub(super) device: String,
    /// `f32`, or on a GPU also `tf32`, `f16` or `bf16`.
    pub(super) precision: String,
}

impl Plan {
    /// Makes the plan from the command line, and fills in the defaults.
    pub(crate) fn new(flags: Bench) -> Result<Self> {
        let or = |given: Vec<String>, default: &[&str]| {
            if given.is_empty() {
                default.iter().map(ToString::to_string).collect()
            } else {
                given
            }
        };
        let usual: &[&str] = match flags.peers {
            Some(_) => &COMPARED,
            None => &FAMILIES,
        };
        let device = flags.device.unwrap_or_else(|| "cpu".to_string());
        let plan = Plan {
            architectures: or(flags.architecture, usual),
            batches: if !flags.batch.is_empty() {
                flags.batch
            } else if device == "cpu" {
                vec![1, 8]
            } else {
                vec![1, 8, 64, 256]
            },
            device,
            precision: flags.precision.unwrap_or_else(|| "f32".to_string()),
            tasks: or(flags.task, &TASKS),
            rounds: flags.rounds.unwrap_or(10),
            threads: match flags.threads {
                Some(threads) => threads,
                None => thread::available_parallelism()?.get(),
            },
        };
        for task in &plan.tasks {
            ensure!(
                TASKS.contains(&task.as_str()),
                "unknown task `{task}`; the tasks are {}",
                TASKS.join(", ")
            );
        }
        let counts = [plan.rounds, plan.threads];
        ensure!(
            counts.iter().chain(&plan.batches).all(|&n| n > 0),
            "rounds, threads and batches must be at least 1"
        );
        Ok(plan)
    }
}
