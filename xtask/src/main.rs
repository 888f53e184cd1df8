//! Automation: `cargo xtask --help`.
#![allow(clippy::print_stderr)]

mod bench;
mod ci;
mod cuda_emulator;
mod cuda_toolkit;
mod demo;
mod dist;
mod downstream;
mod fetch;
mod flags;
mod fuzz;
mod onnx_parity;
mod parity;
mod python;
mod train;

use std::path::{Path, absolute};
use std::process::ExitCode;

use anyhow::{Context, Result};
use xshell::Shell;

fn main() -> ExitCode {
    match run(flags::Xtask::from_env_or_exit()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: flags::Xtask) -> Result<()> {
    use flags::XtaskCmd;
    let sh = Shell::new()?;
    sh.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    // From here on the shell is at the root; paths in arguments are relative to the user's folder.
    let from_here =
        |path: &Path| absolute(path).with_context(|| format!("`{}` is not a path", path.display()));
    match flags.subcommand {
        XtaskCmd::Ci(ci) => ci::run(&sh, ci.full),
        XtaskCmd::Demo(_) => demo::run(&sh),
        XtaskCmd::FetchModels(fetch) => fetch::run(&sh, &fetch.name),
        XtaskCmd::CudaToolkit(toolkit) => {
            let folder = match &toolkit.dir {
                Some(dir) => from_here(dir)?,
                None => sh.current_dir().join("target/cuda-toolkit"),
            };
            cuda_toolkit::run(&sh, &folder, toolkit.compute_cap.unwrap_or(80))
        }
        XtaskCmd::CudaEmulator(_) => cuda_emulator::run(&sh),
        XtaskCmd::Fuzz(fuzz) => fuzz::run(&sh, &fuzz.target, fuzz.runs.unwrap_or(1_000_000)),
        XtaskCmd::Dist(_) => dist::run(&sh),
        XtaskCmd::Train(_) => train::run(&sh),
        XtaskCmd::Parity(parity) => {
            parity::run(&sh, &from_here(&parity.venv)?, &parity.architecture)
        }
        XtaskCmd::OnnxParity(parity) => {
            let pattern = parity.only.as_deref().unwrap_or("*");
            onnx_parity::run(&sh, &from_here(&parity.venv)?, pattern)
        }
        XtaskCmd::Bench(bench) => {
            let json = bench.json.as_deref().map(from_here).transpose()?;
            let peers = bench.peers.as_deref().map(from_here).transpose()?;
            let plan = bench::Plan::new(bench)?;
            bench::run(&sh, &plan, peers.as_deref(), json.as_deref())
        }
    }
}
