//! Trains a network on digits with true and with permuted labels.
//!
//! `digits IMAGES LABELS [NAME=VALUE]...`: the files are IDX, plain or gzip. The names are `family` (`cnn` or `residual`), `size` (its
//! hidden units or width), `count` (digits to train with; up to 1,000 that follow are the test), `rate`, `batch`, `l2`, `epochs`, `enough`
//! and `seed`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::Read;
use std::ops::ControlFlow;
use std::time::Instant;

use gradcam_train::{
    Examples, Family, NetworkSpec, Settings, Storage, accuracy, build, from_bytes, permuted_labels,
    to_bytes, train,
};

/// The dimensions and the bytes of an IDX file.
fn idx(path: &str) -> Result<(Vec<usize>, Vec<u8>), Box<dyn Error>> {
    let mut bytes = std::fs::read(path)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain)?;
        bytes = plain;
    }
    // Two zero bytes, the type (8 is a byte), the number of dimensions, and each dimension as four bytes.
    let &[0, 0, 8, rank, ..] = &bytes[..] else {
        return Err(format!("`{path}` is not an IDX file of bytes").into());
    };
    let start = 4 + 4 * usize::from(rank);
    let header = bytes.get(4..start).ok_or("the IDX file is cut short")?;
    let dims = header.chunks_exact(4);
    let dims = dims.map(|d| u32::from_be_bytes([d[0], d[1], d[2], d[3]]) as usize);
    Ok((dims.collect(), bytes[start..].to_vec()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [images, labels, options @ ..] = &arguments[..] else {
        return Err("digits IMAGES LABELS [NAME=VALUE]...".into());
    };
    let option = |name: &str, default: &str| {
        let mut given = options.iter().filter_map(|o| o.split_once('='));
        let found = given.find(|(n, _)| *n == name);
        found.map_or(default, |(_, value)| value).to_string()
    };
    let size = option("size", "8").parse()?;
    let family = match option("family", "residual").as_str() {
        "cnn" => Family::Cnn { hidden: size },
        "residual" => Family::Residual { width: size },
        other => return Err(format!("`{other}` is neither `cnn` nor `residual`").into()),
    };
    let count: usize = option("count", "1000").parse()?;
    let seed: u64 = option("seed", "0").parse()?;
    let quick = Settings::quick(family);
    let settings = Settings {
        learning_rate: option("rate", &quick.learning_rate.to_string()).parse()?,
        batch: option("batch", "50").parse()?,
        l2: option("l2", "0").parse()?,
        epochs: option("epochs", "100").parse()?,
        enough: Some(option("enough", "0.98").parse()?),
    };
    let (dims, pixels) = idx(images)?;
    let (_, classes) = idx(labels)?;
    let &[total, height, width] = &dims[..] else {
        return Err("the pictures have three dimensions".into());
    };
    let spec = NetworkSpec {
        input: [1, height, width],
        classes: 10,
        family,
    };
    let part = |range: std::ops::Range<usize>| {
        let pixels = &pixels[range.start * height * width..range.end * height * width];
        let values: Vec<f32> = pixels.iter().map(|&v| f32::from(v) / 255.0).collect();
        let labels = classes[range]
            .iter()
            .map(|&label| usize::from(label))
            .collect();
        Examples::new(&values, spec.input, labels)
    };
    let examples = part(0..count.min(total))?;
    let test = part(count.min(total)..(count + 1000).min(total))?;
    let permuted = Examples {
        labels: permuted_labels(&examples.labels, seed),
        ..examples.clone()
    };
    println!("{spec:?} {settings:?}");
    for (name, examples) in [("true", &examples), ("permuted", &permuted)] {
        let start = Instant::now();
        let mut report = |p: &gradcam_train::Progress| {
            if p.step == p.steps && p.epoch.is_multiple_of(5) {
                println!(
                    "  {name} epoch {}: loss {:.4}, accuracy {:.3}",
                    p.epoch, p.loss, p.accuracy
                );
            }
            ControlFlow::Continue(())
        };
        let trained = train(&spec, examples, Some(&test), &settings, seed, &mut report)?;
        let seconds = start.elapsed().as_secs_f64();
        let bytes = to_bytes(&trained.weights, Storage::F16)?;
        let rounded = build(&spec, &from_bytes(&bytes)?)?;
        println!(
            "{name}: {} epochs, {seconds:.1} s, train {:.3} (as f16 {:.3}), test {:.3}, {} bytes as f16",
            trained.epochs,
            trained.train_accuracy,
            accuracy(&rounded, examples)?,
            trained.test_accuracy.unwrap_or(f64::NAN),
            bytes.len(),
        );
    }
    Ok(())
}
