//! The same picture gives the same map to the bit, however it is computed.

use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use gradcam::{Explainer, Heatmap, Target};
use gradcam_models::preprocess::Fit;
use gradcam_models::{Model, picture};
use rayon::ThreadPoolBuilder;
use tempfile::tempdir;

use crate::binary::{files, gradcam, photo};

/// Returns every number of a map, as bits.
fn bits(map: &Heatmap) -> Vec<u32> {
    let grids = [
        map.raw().values(),
        map.map().values(),
        map.upsampled.values(),
        map.logits.as_slice(),
    ];
    grids.into_iter().flatten().map(|v| v.to_bits()).collect()
}

/// Prepares the photos for the default model.
fn inputs(model: &Model) -> Vec<Tensor> {
    ["coffee.png", "chelsea.png", "rocket.jpg", "astronaut.png"]
        .map(|name| {
            let photo = picture::read(Path::new(&photo(name)), picture::Limits::default());
            let prepared = model
                .preprocess
                .prepare(&photo.unwrap(), Fit::Crop, &Device::Cpu);
            prepared.unwrap().tensor
        })
        .to_vec()
}

/// Returns the maps of a batch for each image's top class.
fn maps(model: &Model, batch: &[Tensor]) -> Vec<Vec<u32>> {
    let x = Tensor::stack(batch, 0).unwrap();
    let targets = vec![vec![Target::Top(0)]; batch.len()];
    let found = Explainer::default()
        .at(model.default_layer())
        .explain(&model.network, &x, &targets)
        .unwrap();
    found.iter().flatten().map(bits).collect()
}

#[test]
fn repeats_threads_and_batches_change_no_bit() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    let photos = inputs(&model);
    let expected: Vec<Vec<u32>> = photos
        .iter()
        .flat_map(|photo| maps(&model, std::slice::from_ref(photo)))
        .collect();
    assert_ne!(expected[0], expected[1]);
    assert_eq!(maps(&model, &photos[..1]), expected[..1], "a repeat");
    for threads in [1, 2, 4] {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        for size in [1, 2, 4] {
            let found: Vec<Vec<u32>> = photos
                .chunks(size)
                .flat_map(|batch| pool.install(|| maps(&model, batch)))
                .collect();
            // No `assert_eq`: the difference would be printed number by number.
            assert!(found == expected, "{threads} threads, batches of {size}");
        }
    }
}

#[test]
fn a_new_process_writes_the_same_files() {
    let folder = tempdir().unwrap();
    let photos = ["coffee.png", "chelsea.png", "rocket.jpg"].map(photo);
    let [a, b, c] = photos.each_ref().map(String::as_str);
    for (out, threads, batch) in [("one", "1", "8"), ("two", "2", "1"), ("three", "4", "2")] {
        let maps = format!("{out}/maps");
        let args = [
            "explain",
            a,
            b,
            c,
            "--top",
            "2",
            "-o",
            out,
            "--save-maps",
            &maps,
        ];
        let how = ["--threads", threads, "--batch", batch];
        gradcam(folder.path(), &[&args[..], &how].concat()).text();
    }
    let names = files(&folder.path().join("one"));
    assert_eq!(names.len(), 12);
    for name in names {
        let read = |out: &str| fs::read(folder.path().join(out).join(&name)).unwrap();
        let first = read("one");
        assert!(first == read("two") && first == read("three"), "{name}");
    }
}
