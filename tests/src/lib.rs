//! Tests of the whole workspace are in `tests/tests`, the processes that `cargo xtask` starts in `tests/workers`.
