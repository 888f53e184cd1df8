//! A PyTorch checkpoint, as `gradcam import` reads it: raw bytes or, more often, a pickle in an intact archive.
#![no_main]

use std::io::{Cursor, Write};

use gradcam_fuzz::in_file;
use gradcam_models::import::import;
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;

/// The storage that a fuzzed pickle may refer to.
const STORAGE: [u8; 64] = [0; 64];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let file = match first % 8 {
        0 => rest.to_vec(),
        _ => archive(rest),
    };
    in_file("fuzzed.pth", &file, |path| {
        let _ = import(path, "squeezenet1_1", None);
    });
});

/// Builds an archive as `torch.save` writes it.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // PyTorch compresses nothing.
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [
        ("archive/data.pkl", pickle),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &STORAGE),
        ("archive/version", b"3\n"),
    ] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
