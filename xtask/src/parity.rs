//! Compares every architecture at full size with the original in timm or torchvision.
#![allow(clippy::print_stdout)]

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::python;

/// The largest deviation allowed, relative to the largest value in the same tensor.
const LIMIT: f64 = 1e-3;

/// Compares every architecture, or those named in `only`, and prints a table.
///
/// `venv` is a Python environment with torch, torchvision, timm and grad-cam. `xtask/parity/parity.py` makes a model folder with random
/// weights and PyTorch's results in f64; the worker `parity` of `gradcam-tests` loads it. Logits and raw maps are computed in f32. The
/// gradient of a network of ReLUs jumps where a unit crosses zero, so it is compared in f64. The deviations of our f32 gradient and of
/// PyTorch's are printed beside it.
///
/// # Errors
/// If a name in `only` is unknown, a program fails, or a deviation exceeds 1e-3.
pub(crate) fn run(sh: &Shell, venv: &Path, only: &[String]) -> Result<()> {
    let python = python::interpreter(venv)?;
    let script = "xtask/parity/parity.py";
    let list = cmd!(sh, "{python} {script} list").quiet().read()?;
    let pairs: Vec<Vec<&str>> = list.lines().map(|l| l.split(' ').collect()).collect();
    for name in only {
        let known = pairs.iter().any(|pair| pair[0] == name);
        ensure!(
            known,
            "unknown architecture `{name}`; `{script} list` prints them"
        );
    }
    cmd!(
        sh,
        "cargo build --release --package gradcam-tests --bin parity"
    )
    .run()?;

    println!(
        "| architecture | package | logits | raw map | input gradient (f64) | (f32) | (f32, PyTorch) |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut failed = Vec::new();
    for pair in pairs {
        let &[name, package, _] = pair.as_slice() else {
            bail!("`{script} list` printed {pair:?}");
        };
        if !only.is_empty() && !only.iter().any(|o| o == name) {
            continue;
        }
        // Removed when dropped, after each architecture: a folder can take 0.8 GB.
        let folder = sh.create_temp_dir()?;
        let path = folder.path();
        let outcome = cmd!(sh, "{python} {script} make {name} {package} {path}")
            .quiet()
            .run()
            .and_then(|()| {
                cmd!(
                    sh,
                    "cargo run --release --quiet --package gradcam-tests --bin parity -- {path}"
                )
                .quiet()
                .read()
            });
        let deviations = match outcome {
            Ok(text) => text,
            Err(error) => {
                println!("| {name} | {package} | {error} |");
                failed.push(format!("{name} ({package})"));
                continue;
            }
        };
        let values = deviations
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<f64>, _>>()
            .with_context(|| format!("the worker `parity` printed `{deviations}`"))?;
        ensure!(
            values.len() == 5,
            "the worker `parity` printed `{deviations}`"
        );
        // Written so that NaN fails.
        if !values[..3].iter().all(|v| *v <= LIMIT) {
            failed.push(format!("{name} ({package})"));
        }
        let cells: Vec<String> = values.iter().map(|v| format!("{v:.1e}")).collect();
        println!("| {name} | {package} | {} |", cells.join(" | "));
    }
    ensure!(
        failed.is_empty(),
        "deviations over {LIMIT:e}: {}",
        failed.join(", ")
    );
    Ok(())
}
