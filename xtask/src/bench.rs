//! Times Grad-CAM, alone or in turns with other programs.
//!
//! Every program is a worker process ([`worker`]). A machine's speed drifts, so nothing is measured in one go: in each round every program
//! runs a short burst of every task, and no two programs compute at the same time.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod peers;
mod plan;
mod report;
mod worker;

use std::env::consts::{ARCH, EXE_SUFFIX};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use self::peers::{Peers, SCRIPT};
pub(crate) use self::plan::Plan;
use self::report::{Measurement, OURS, tables};
use self::worker::Worker;
use crate::{dist, python};

/// The approximate length of a burst.
const BURST_MILLIS: f64 = 500.0;
/// The pause between bursts, in which the previous program's threads fall asleep (onnxruntime's spin for up to 40 ms).
const PAUSE: Duration = Duration::from_millis(100);
/// Measures, and prints a Markdown table per task; `json` is a file for the measurements as JSON lines.
///
/// `venv` is a Python environment with any of the peers of `xtask/bench/peers.py`; nothing is installed, and peers that lack a package are
/// left out.
///
/// # Errors
/// If the programs cannot be built or an architecture is unknown; after all other measurements, if one failed.
pub(crate) fn run(sh: &Shell, plan: &Plan, venv: Option<&Path>, json: Option<&Path>) -> Result<()> {
    let python = venv.map(python::interpreter).transpose()?;
    let features: &[&str] = match plan.device.as_str() {
        "cpu" => &[],
        _ => &["--features", "cuda"],
    };
    cmd!(
        sh,
        "cargo build --release --package gradcam-cli --package gradcam-tests --bin gradcam --bin bench {features...}"
    )
    .run()?;
    let folder = dist::release(sh);
    let binary = folder.join(format!("gradcam{EXE_SUFFIX}"));
    let bench = folder.join(format!("bench{EXE_SUFFIX}"));
    let names = &plan.architectures;
    cmd!(sh, "{bench} {names...}").quiet().run()?;

    let peers = match &python {
        Some(python) => Peers::find(sh, python.clone())?,
        None => Peers::default(),
    };
    let mut record = Record::create(json, &machine(sh, plan, &peers))?;
    for architecture in &plan.architectures {
        // New processes for each network: an allocator that returns no pages would let them grow.
        let mut workers = vec![Worker::start(OURS, ours(sh, &bench, plan))?];
        for peer in &peers.names {
            workers.push(Worker::start(peer, peers.command(sh, peer, plan.threads))?);
        }
        for &batch in &plan.batches {
            measure(&mut workers, plan, architecture, batch, &mut record)?;
        }
    }
    if plan.device == "cpu" && plan.tasks.iter().any(|task| task == "cli") {
        match one_photo(sh, plan, &binary, python.as_deref()) {
            Ok(measurement) => record.add(measurement)?,
            Err(error) => record.fail("one photo".to_string(), &error),
        }
    }
    println!("{}", tables(&record.measurements, &plan.tasks));
    ensure!(
        record.failures.is_empty(),
        "not measured: {}",
        record.failures.join("; ")
    );
    Ok(())
}

/// The measurements so far.
struct Record {
    measurements: Vec<Measurement>,
    failures: Vec<String>,
    file: Option<File>,
}

impl Record {
    fn create(path: Option<&Path>, machine: &Value) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("cannot write `{}`", path.display()))
        };
        let mut record = Record {
            measurements: Vec::new(),
            failures: Vec::new(),
            file: path.map(create).transpose()?,
        };
        eprintln!("{machine}");
        record.write(machine)?;
        Ok(record)
    }

    fn add(&mut self, measurement: Measurement) -> Result<()> {
        let Measurement {
            architecture,
            batch,
            task,
            program,
            ..
        } = &measurement;
        eprintln!("{architecture}, batch {batch}: {task}, {program}: {measurement} ms");
        self.write(&measurement.json())?;
        self.measurements.push(measurement);
        Ok(())
    }

    fn fail(&mut self, what: String, error: &anyhow::Error) {
        eprintln!("{what}: {error:#}");
        self.failures.push(what);
    }

    fn write(&mut self, line: &Value) -> Result<()> {
        match &mut self.file {
            Some(file) => Ok(writeln!(file, "{line}")?),
            None => Ok(()),
        }
    }
}

/// One program's bursts of one task.
struct Series {
    worker: usize,
    task: String,
    repeats: usize,
    millis: Vec<f64>,
}

impl Series {
    /// Runs once to warm up, and twice to find the number of runs in a burst.
    fn begin(worker: usize, task: &str, workers: &mut [Worker]) -> Result<Self> {
        let millis = workers[worker].time(task, 3)?;
        let once = millis[1].min(millis[2]);
        Ok(Series {
            worker,
            task: task.to_string(),
            repeats: repeats(once),
            millis: Vec::new(),
        })
    }

    fn burst(&mut self, workers: &mut [Worker]) -> Result<()> {
        thread::sleep(PAUSE);
        let millis = workers[self.worker].time(&self.task, self.repeats)?;
        // The first run finds the other programs' data in the caches.
        self.millis.extend(match &millis[..] {
            [_, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        });
        Ok(())
    }
}

/// Returns the number of runs in a burst if one takes `millis`: as many as fill the burst plus one that does not count, or a single one
/// that does.
fn repeats(millis: f64) -> usize {
    match (BURST_MILLIS / millis).round() {
        n if n > 1.0 => n.min(1000.0) as usize + 1,
        _ => 1,
    }
}

/// Measures all tasks of all workers with one network and batch.
fn measure(
    workers: &mut [Worker],
    plan: &Plan,
    architecture: &str,
    batch: usize,
    record: &mut Record,
) -> Result<()> {
    let what = |program: &str| format!("{architecture}, batch {batch}, {program}");
    for worker in workers.iter_mut() {
        worker.tasks.clear();
        if let Err(error) = worker.load(architecture, batch, plan) {
            record.fail(what(&worker.name), &error);
        }
    }
    let mut series = Vec::new();
    for task in &plan.tasks {
        // Masked copies of one image form a batch of their own.
        if ["masks", "rise"].contains(&task.as_str()) && batch != plan.batches[0] {
            continue;
        }
        for worker in 0..workers.len() {
            if workers[worker].tasks.contains(task) {
                match Series::begin(worker, task, workers) {
                    Ok(begun) => series.push(begun),
                    Err(error) => record.fail(what(&workers[worker].name), &error),
                }
            }
        }
    }
    for round in 1..=plan.rounds {
        eprint!(
            "\r{architecture}, batch {batch}: round {round} of {}",
            plan.rounds
        );
        series.retain_mut(|series| {
            let outcome = series.burst(workers);
            if let Err(error) = &outcome {
                record.fail(what(&workers[series.worker].name), error);
            }
            outcome.is_ok()
        });
    }
    eprintln!();
    for series in series {
        record.add(Measurement {
            architecture: architecture.to_string(),
            batch,
            task: series.task,
            program: workers[series.worker].name.clone(),
            millis: series.millis,
            peak: None,
        })?;
    }
    Ok(())
}

fn ours(sh: &Shell, bench: &Path, plan: &Plan) -> Command {
    let threads = plan.threads.to_string();
    cmd!(sh, "{bench}").env("RAYON_NUM_THREADS", threads).into()
}

/// Describes everything besides the code that the times depend on.
fn machine(sh: &Shell, plan: &Plan, peers: &Peers) -> Value {
    let processor = sh.read_file("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(": ")?.1.to_string())
    });
    let says = |command: xshell::Cmd<'_>| command.quiet().ignore_stderr().read().ok();
    json!({
        "processor": processor.unwrap_or_else(|| ARCH.to_string()),
        "threads": plan.threads,
        "device": device(sh, plan),
        "precision": plan.precision,
        "rounds": plan.rounds,
        "commit": says(cmd!(sh, "git describe --always --dirty")),
        "rustc": says(cmd!(sh, "rustc --version")),
        "packages": peers.versions,
    })
}

/// Returns the device's own name if `nvidia-smi` knows it.
fn device(sh: &Shell, plan: &Plan) -> String {
    let name = cmd!(sh, "nvidia-smi --query-gpu=name --format=csv,noheader");
    match plan.device.as_str() {
        "cpu" => "cpu".to_string(),
        device => name
            .quiet()
            .ignore_stderr()
            .read()
            .unwrap_or_else(|_| device.to_string()),
    }
}

/// Times the binary on one photo with the default model, from the start of the process to its end; with Python it also measures peak
/// memory.
fn one_photo(sh: &Shell, plan: &Plan, binary: &Path, python: Option<&Path>) -> Result<Measurement> {
    const MODEL: &str = "efficientnet-lite0";
    let folder = sh.create_temp_dir()?;
    let output = folder.path().join("map.png");
    let photo = "models/photos/chelsea.png";
    let _threads = sh.push_env("RAYON_NUM_THREADS", plan.threads.to_string());
    let quiet = |command: xshell::Cmd<'_>| command.quiet().ignore_stderr().read();
    let mut millis = Vec::new();
    for _ in 0..=plan.rounds {
        let start = Instant::now();
        quiet(cmd!(
            sh,
            "{binary} explain {photo} --model {MODEL} -o {output}"
        ))?;
        millis.push(start.elapsed().as_secs_f64() * 1e3);
        // An existing file would not be overwritten.
        sh.remove_path(&output)?;
    }
    // The first run reads the binary from disk.
    millis.remove(0);
    let peak = match python {
        Some(python) => {
            let peak = quiet(cmd!(
                sh,
                "{python} {SCRIPT} peak {binary} explain {photo} --model {MODEL} -o {output}"
            ))?;
            Some(peak.parse()?)
        }
        None => None,
    };
    Ok(Measurement {
        architecture: MODEL.to_string(),
        batch: 1,
        task: "cli".to_string(),
        program: OURS.to_string(),
        millis,
        peak,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_has_a_run_that_counts() {
        assert_eq!(repeats(4700.0), 1);
        assert_eq!(repeats(400.0), 1);
        assert_eq!(repeats(250.0), 3);
        assert_eq!(repeats(10.0), 51);
        assert_eq!(repeats(0.0), 1001);
    }
}
