//! The binary `gradcam`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A network allocates and drops large tensors constantly; glibc's allocator would return their pages and fault them in again each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gradcam_cli::memory::keep_pages();
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // The first Ctrl-C lets the current batch finish, the second ends the program.
    let handler = ctrlc::set_handler(move || {
        // If standard error is closed, nobody is left to tell.
        let mut err = std::io::stderr();
        if flag.swap(true, Ordering::SeqCst) {
            let _ = writeln!(err, "interrupted at once; every file is complete or absent");
            std::process::exit(130);
        }
        let _ = writeln!(err, "finishing the current work; Ctrl-C again ends at once");
    });
    // Without a handler Ctrl-C ends the program at once; files are complete all the same.
    drop(handler);
    gradcam_cli::run(
        std::env::args_os(),
        &mut std::io::stdout().lock(),
        &mut std::io::stderr(),
        &interrupted,
    )
    .into()
}
