//! The threads of a run.

use anyhow::{Context, Result};

/// The threads of a run.
pub(crate) struct Workers(Option<rayon::ThreadPool>);

impl Workers {
    /// Starts as many threads as `--threads` says; uses the default pool without it.
    pub(crate) fn new(threads: Option<u64>) -> Result<Self> {
        let pool = threads
            .map(|n| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(usize::try_from(n)?)
                    .build()
                    .context("cannot start the threads")
            })
            .transpose()?;
        Ok(Workers(pool))
    }

    /// Runs `work` on these threads.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}
