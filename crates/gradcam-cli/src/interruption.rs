//! Stops a training when the run is interrupted.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells a training whether to continue.
pub(crate) fn flow(interrupted: &AtomicBool) -> ControlFlow<()> {
    if interrupted.load(Ordering::SeqCst) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
