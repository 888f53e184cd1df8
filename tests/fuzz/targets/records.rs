//! A file of records, read, merged with itself and summarised.
#![no_main]

use gradcam_eval::evaluate::{merge, summarise};
use gradcam_fuzz::in_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    in_file("records.jsonl", bytes, |path| {
        if let Ok((header, records)) = merge(&[path.to_path_buf(), path.to_path_buf()]) {
            let _ = summarise(&header, &records);
        }
    });
});
