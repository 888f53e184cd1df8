//! Runs the fuzz targets of `tests/fuzz` and prints each one's coverage.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

/// The folder of the targets.
const FOLDER: &str = "tests/fuzz";

/// Runs each of `targets` (all, if the list is empty) `runs` times, and stops at the first finding.
///
/// Corpora stay below `target/fuzz`, so the next run continues from them.
pub(crate) fn run(sh: &Shell, targets: &[String], runs: u64) -> Result<()> {
    ensure!(
        cmd!(sh, "cargo fuzz --version")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()
            .is_ok(),
        "cargo-fuzz is not installed; run `cargo install cargo-fuzz` and install a nightly toolchain"
    );
    let known = known(sh)?;
    if let Some(unknown) = targets.iter().find(|target| !known.contains(target)) {
        bail!(
            "unknown target `{unknown}`; the targets are `{}`",
            known.join("`, `")
        );
    }
    let targets = if targets.is_empty() { &known } else { targets };
    let mut rows = vec![
        "| target | executions | edges | seconds |".to_string(),
        "|---|---|---|---|".to_string(),
    ];
    for target in targets {
        let (count, edges, seconds) = one(sh, target, runs)?;
        rows.push(format!("| `{target}` | {count} | {edges} | {seconds} |"));
    }
    println!("{}", rows.join("\n"));
    Ok(())
}

/// Lists the targets, which are the files of a folder.
fn known(sh: &Shell) -> Result<Vec<String>> {
    let files = sh.read_dir(PathBuf::from(FOLDER).join("targets"))?;
    let stem = |file: &PathBuf| Some(file.file_stem()?.to_str()?.to_string());
    let mut names: Vec<String> = files.iter().filter_map(stem).collect();
    names.sort();
    Ok(names)
}

/// Runs one target, and returns its executions, the edges reached in the program, and seconds.
fn one(sh: &Shell, target: &str, runs: u64) -> Result<(u64, String, u64)> {
    println!("== {target}");
    let corpus = format!("target/fuzz/corpus/{target}");
    let findings = format!("target/fuzz/findings/{target}/");
    sh.create_dir(&corpus)?;
    sh.create_dir(&findings)?;
    let runs = runs.to_string();
    // Command-line values are short, and comparing names takes time quadratic in their length.
    let longest = match target {
        "target" | "option" => "128",
        _ => "32768",
    };
    let seeds = format!("{FOLDER}/seeds/{target}");
    // The readers are safe Rust: possible findings are panics, overflows, hangs and excessive memory, which need no sanitizer.
    let build = [
        "--fuzz-dir",
        FOLDER,
        "--target-dir",
        "target/fuzz",
        "--sanitizer",
        "none",
    ];
    cmd!(sh, "cargo +nightly fuzz build {build...} {target}")
        .quiet()
        .run()
        .with_context(|| format!("`{target}` does not build; a nightly toolchain is needed"))?;
    let output = cmd!(
        sh,
        "cargo +nightly fuzz run {build...} {target} {corpus} {seeds} --
         -runs={runs} -artifact_prefix={findings} -max_len={longest} -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1"
    )
    .quiet()
    .ignore_status()
    .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{target}` found a failure; its input is below `{findings}`:\n{}",
        tail(&text, 40)
    );
    let stat = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse::<u64>().ok()
    };
    let count =
        stat("stat::number_of_executed_units").context("libFuzzer printed no statistics")?;
    let edges = text
        .lines()
        .rev()
        .find_map(|line| line.split_once("cov: ")?.1.split(' ').next())
        .unwrap_or("")
        .to_string();
    let speed = stat("stat::average_exec_per_sec:").unwrap_or(0).max(1);
    Ok((count, edges, count / speed))
}

/// Returns the last lines of a text.
fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
