//! A program under measurement: a process that answers one JSON line with another.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::plan::Plan;

/// A running worker. `xtask/bench/peers.py` describes the protocol.
pub(crate) struct Worker {
    /// The program's name in the tables.
    pub(crate) name: String,
    /// The tasks that it offers for the loaded network.
    pub(crate) tasks: Vec<String>,
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(name: &str, mut command: Command) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let answers = process.stdout.take().context("no standard output")?;
        Ok(Worker {
            name: name.to_string(),
            tasks: Vec::new(),
            process,
            answers: BufReader::new(answers),
        })
    }

    /// Loads the network and its input.
    pub(crate) fn load(&mut self, architecture: &str, batch: usize, plan: &Plan) -> Result<()> {
        let answer = self.ask(&json!({
            "load": architecture,
            "batch": batch,
            "device": plan.device,
            "precision": plan.precision,
        }))?;
        let tasks = answer["tasks"].as_array().context("no tasks")?;
        self.tasks = tasks
            .iter()
            .filter_map(Value::as_str)
            .map(String::from)
            .collect();
        Ok(())
    }

    /// Runs `task` `repeats` times and returns each run's milliseconds.
    pub(crate) fn time(&mut self, task: &str, repeats: usize) -> Result<Vec<f64>> {
        let answer = self.ask(&json!({"time": task, "repeats": repeats}))?;
        let millis = answer["millis"].as_array().context("no times")?;
        let millis: Vec<f64> = millis.iter().filter_map(Value::as_f64).collect();
        if millis.len() != repeats {
            bail!(
                "{} answered {} times for {repeats} runs",
                self.name,
                millis.len()
            );
        }
        Ok(millis)
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        let ended = || format!("{} has ended", self.name);
        let requests = self.process.stdin.as_mut().with_context(ended)?;
        writeln!(requests, "{request}").with_context(ended)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).with_context(ended)?;
        match answer["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }
}

impl Drop for Worker {
    /// Ends the process, so that its memory is free before the next one starts.
    fn drop(&mut self) {
        // Waiting closes its input, which ends it.
        let _ = self.process.wait();
    }
}
