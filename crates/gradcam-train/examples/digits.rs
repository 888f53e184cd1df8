//! Trains a network on digits with true and with permuted labels.
//!
//! `digits IMAGES LABELS [NAME=VALUE]...`: the files are IDX, plain or gzip. The names are `family` (`cnn` or `residual`), `size`
//! (hidden units or width), `count` (training digits; up to 1,000 that follow are the test set), `rate`, `batch`, `l2`, `epochs`,
//! `enough` and `seed`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use gradcam_data::{Images, read_labels};
use gradcam_train::{
    Examples, Family, NetworkSpec, Settings, Storage, accuracy, build, from_bytes, permuted_labels,
    to_bytes, train,
};

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
    let images = Images::open(Path::new(images))?;
    let classes = read_labels(Path::new(labels))?;
    let total = images.count().min(classes.len());
    let (height, width) = images.size();
    let spec = NetworkSpec {
        input: [1, height, width],
        classes: 10,
        family,
    };
    let part = |range: std::ops::Range<usize>| -> Result<Examples, Box<dyn Error>> {
        let mut values = Vec::new();
        for index in range.clone() {
            let picture = images.picture(index)?;
            values.extend(picture.iter().map(|&v| f32::from(v) / 255.0));
        }
        let labels = classes[range].iter().map(|&label| label.into()).collect();
        Ok(Examples::new(&values, spec.input, labels)?)
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
