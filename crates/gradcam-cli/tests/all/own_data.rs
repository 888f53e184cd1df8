//! The minimal data set of one's own pictures, as shown by help and README.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, RgbImage};
use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{gradcam, repository};

fn info(folder: &Path, set: &str) -> Value {
    serde_json::from_str(gradcam(folder, &["data", "info", set, "--json"]).text()).unwrap()
}

/// Returns the first JSON object of a text, which begins with its images.
fn example(text: &str) -> Value {
    let start = text.find("{\"images\"").unwrap();
    let mut found = serde_json::Deserializer::from_str(&text[start..]).into_iter();
    found.next().unwrap().unwrap()
}

#[test]
fn a_folder_of_masks_is_measured() {
    let folder = tempdir().unwrap();
    for part in ["images", "masks"] {
        fs::create_dir_all(folder.path().join("mine").join(part)).unwrap();
    }
    for name in ["1", "2"] {
        let at = |part: &str| folder.path().join(format!("mine/{part}/{name}.png"));
        let picture = RgbImage::from_fn(80, 60, |x, y| image::Rgb([x as u8 * 3, y as u8 * 4, 90]));
        picture.save(at("images")).unwrap();
        let mask = GrayImage::from_fn(80, 60, |x, _| Luma([if x < 40 { 255 } else { 0 }]));
        mask.save(at("masks")).unwrap();
    }
    let found = info(folder.path(), "mine");
    assert_eq!(found["layout"], "masks");
    assert_eq!(found["pictures"], 2);
    assert_eq!(found["annotation"], "mask");
    let evaluate = [
        "evaluate",
        "mine",
        "--fit",
        "squash",
        "--methods",
        "grad-cam",
        "--metrics",
        "energy",
        "--nulls",
        "random",
        "--json",
    ];
    let summary: Value = serde_json::from_str(gradcam(folder.path(), &evaluate).text()).unwrap();
    assert_eq!(summary["measured"], 2);
    let own = &summary["metrics"][0]["sources"][0];
    assert_eq!(
        (own["values"].as_u64(), own["undefined"].as_u64()),
        (Some(2), Some(0))
    );
}

#[test]
fn the_least_coco_of_help_and_readme_is_read() {
    let folder = tempdir().unwrap();
    let help = gradcam(folder.path(), &["data", "--help"]);
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let shown = example(help.text());
    assert_eq!(shown, example(&readme));
    fs::create_dir_all(folder.path().join("mine/images")).unwrap();
    RgbImage::new(640, 480)
        .save(folder.path().join("mine/images/1.jpg"))
        .unwrap();
    fs::write(folder.path().join("mine/instances.json"), shown.to_string()).unwrap();
    let found = info(folder.path(), "mine");
    assert_eq!(found["layout"], "coco");
    assert_eq!(found["pictures"], 1);
    assert_eq!(found["annotation"], "box");
    assert_eq!(found["objects"], 1);
}
