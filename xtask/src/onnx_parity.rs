//! Compares networks from ONNX files with onnxruntime and the library that exported them.
#![allow(clippy::print_stdout)]

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{dist, python};

/// The largest deviation of the output from onnxruntime's, relative to its largest value.
const OUTPUT: f64 = 1e-4;
/// The largest deviation of gradients and activations from the library's.
const GRADIENT: f64 = 1e-3;
/// The share of the files that must agree.
const SHARE: f64 = 0.95;

/// Exports the networks of `tests/onnx` whose names match `pattern`, and prints a table.
///
/// `venv` is a Python environment with what `tests/onnx/requirements.txt` lists. The files stay in `target/onnx-parity` and are not made
/// again. The worker `onnx` of `gradcam-tests` computes the output in f32, and the gradients in f64.
///
/// # Errors
/// If a program fails, or fewer than 95 % of the files agree.
pub(crate) fn run(sh: &Shell, venv: &Path, pattern: &str) -> Result<()> {
    let python = python::interpreter(venv)?;
    let out = dist::target(sh).join("onnx-parity");
    // What an exporter cannot do is listed by the script.
    cmd!(sh, "{python} tests/onnx/export.py {out} --only {pattern}")
        .ignore_status()
        .run()?;
    cmd!(
        sh,
        "cargo build --release --package gradcam-tests --bin onnx"
    )
    .run()?;
    println!("| file | output | input gradient | activation | its gradient |");
    println!("|---|---|---|---|---|");
    let mut folders = sh.read_dir(&out)?;
    folders.sort();
    let (mut all, mut failed) = (0, Vec::new());
    for folder in folders {
        if !sh.path_exists(folder.join("case.json")) {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        all += 1;
        let row = cmd!(
            sh,
            "cargo run --release --quiet --package gradcam-tests --bin onnx -- {folder}"
        )
        .quiet()
        .read();
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                println!("| {name} | {error} |");
                failed.push(name.into_owned());
                continue;
            }
        };
        let values = row
            .split_whitespace()
            .map(|cell| match cell {
                "-" => Ok(None),
                number => number.parse::<f64>().map(Some),
            })
            .collect::<Result<Vec<_>, _>>()
            .with_context(|| format!("the worker `onnx` printed `{row}`"))?;
        let limits = [OUTPUT, GRADIENT, GRADIENT, GRADIENT];
        // Written so that NaN fails.
        let agrees = |(value, limit): (&Option<f64>, f64)| value.is_none_or(|value| value <= limit);
        if values.len() != limits.len() || !values.iter().zip(limits).all(agrees) {
            failed.push(name.to_string());
        }
        let cells = values
            .iter()
            .map(|value| value.map_or("-".to_string(), |value| format!("{value:.1e}")));
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    ensure!(all > 0, "no case matches `{pattern}`");
    println!("{} of {all} agree", all - failed.len());
    ensure!(
        (all - failed.len()) as f64 >= SHARE * all as f64,
        "these differ: {}",
        failed.join(", ")
    );
    Ok(())
}
