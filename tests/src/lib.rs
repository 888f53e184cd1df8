//! The tests of the whole workspace are in `tests/tests`; the processes that `cargo xtask` starts are in `tests/workers`.
