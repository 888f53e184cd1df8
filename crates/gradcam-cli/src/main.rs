//! The binary `gradcam`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A network makes and drops large tensors all the time; glibc's allocator would return and fault in their pages again and again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gradcam_cli::memory::keep_pages();
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // The first Ctrl-C lets the batch at hand finish, the second ends the program.
    let handler = ctrlc::set_handler(move || {
        // Standard error may be closed; there is nobody left to tell.
        let mut err = std::io::stderr();
        if flag.swap(true, Ordering::SeqCst) {
            let _ = writeln!(err, "interrupted at once; every file is whole or not there");
            std::process::exit(130);
        }
        let _ = writeln!(err, "finishing what is at hand; Ctrl-C again ends at once");
    });
    // Without a handler Ctrl-C ends the program at once, and files are whole all the same.
    drop(handler);
    gradcam_cli::run(
        std::env::args_os(),
        &mut std::io::stdout().lock(),
        &mut std::io::stderr(),
        &interrupted,
    )
    .into()
}
