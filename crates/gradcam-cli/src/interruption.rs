//! What becomes of a training when the run is interrupted.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it goes on.
pub(crate) fn flow(interrupted: &AtomicBool) -> ControlFlow<()> {
    if interrupted.load(Ordering::SeqCst) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}
