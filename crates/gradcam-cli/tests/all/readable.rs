//! Readable pictures: a caption, enlarged small inputs, and the sheet of `compare`.

use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{gradcam, photo};

fn picture(folder: &Path, width: u32, height: u32) {
    let noise = |x: u32, y: u32| (x * 37 + y * 101) as u8;
    RgbImage::from_fn(width, height, |x, y| Rgb([noise(x, y), noise(y, x), 90]))
        .save(folder.join("in.png"))
        .unwrap();
}

fn explained(folder: &Path, args: &[&str]) -> RgbImage {
    let all = [
        "explain", "in.png", "-o", "out.png", "--force", "--fit", "squash",
    ];
    gradcam(folder, &[&all[..], args].concat()).text();
    image::open(folder.join("out.png")).unwrap().into_rgb8()
}

#[test]
fn a_small_picture_is_drawn_larger() {
    let folder = tempdir().unwrap();
    for ((width, height), expected) in [
        ((28, 28), (252, 252)),
        ((32, 20), (256, 160)),
        ((1, 1), (256, 256)),
        ((129, 30), (129, 30)),
    ] {
        picture(folder.path(), width, height);
        let found = explained(folder.path(), &[]);
        assert_eq!(found.dimensions(), expected, "{width} x {height}");
        let plain = explained(folder.path(), &["--enlarge", "0"]);
        assert_eq!(plain.dimensions(), (width, height));
    }
    picture(folder.path(), 28, 28);
    let found = explained(folder.path(), &["--enlarge", "64"]);
    assert_eq!(found.dimensions(), (56, 56));
    // The photo's pixels become squares, over which the map is smooth; without evidence the picture is the photo.
    let faint = explained(folder.path(), &["--alpha", "0"]);
    let original = image::open(folder.path().join("in.png"))
        .unwrap()
        .into_rgb8();
    let squares = imageops::resize(&original, 252, 252, imageops::FilterType::Nearest);
    assert!(faint == squares);
    let map = explained(folder.path(), &["--view", "heatmap"]);
    let steps = (0..251).filter(|&x| map.get_pixel(x, 126) != map.get_pixel(x + 1, 126));
    assert!(steps.count() > 60, "the map is as coarse as the photo");
}

#[test]
fn a_caption_says_class_probability_and_method() {
    let folder = tempdir().unwrap();
    picture(folder.path(), 300, 200);
    let plain = explained(folder.path(), &[]);
    let captioned = explained(folder.path(), &["--caption"]);
    let (width, height) = plain.dimensions();
    assert_eq!(captioned.width(), width);
    assert!(captioned.height() > height + 15);
    let above = imageops::crop_imm(&captioned, 0, 0, width, height).to_image();
    assert!(above == plain, "the caption changed the picture");
    let below = |picture: &RgbImage| {
        let rest = picture.height() - height;
        imageops::crop_imm(picture, 0, height, width, rest).to_image()
    };
    let ink = below(&captioned).pixels().filter(|p| p[0] < 128).count();
    assert!(ink > 300, "{ink}");
    // Another class or method gives another caption.
    let mut seen = vec![below(&captioned)];
    for args in [
        &["--caption", "--target", "3"][..],
        &["--caption", "--method", "layer-cam"],
        &["--caption", "--target", "3-4"],
        &["--caption", "--target", "like:in.png"],
    ] {
        let caption = below(&explained(folder.path(), args));
        assert!(!seen.contains(&caption), "{args:?}");
        seen.push(caption);
    }
}

#[test]
fn shared_passes_are_told_apart() {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    let methods = "grad-cam,layer-cam,hires-cam,gradient,smoothgrad";
    let compare = |methods: &str| -> Value {
        let args = [
            "compare",
            &chelsea,
            "--methods",
            methods,
            "--json",
            "--force",
            "--budget",
            "4",
        ];
        serde_json::from_str(gradcam(folder.path(), &args).text()).unwrap()
    };
    let record = compare(methods);
    let seconds = |name: &str, field: &str| -> f64 {
        let all = record["methods"].as_array().unwrap();
        let found = all.iter().find(|method| method["name"] == name).unwrap();
        found[field].as_f64().unwrap()
    };
    // All three share one forward and one backward pass, and each reports them as shared.
    let shared = seconds("grad-cam", "shared_seconds");
    assert!(shared > 0.0);
    for name in ["layer-cam", "hires-cam"] {
        assert_eq!(seconds(name, "shared_seconds"), shared, "{name}");
    }
    assert!(seconds("grad-cam", "seconds") < shared, "{record}");
    // Only `gradient` takes the gradient at the image itself, so the two share nothing.
    assert_eq!(seconds("gradient", "shared_seconds"), 0.0);
    assert_eq!(seconds("smoothgrad", "shared_seconds"), 0.0);
    let total = record["seconds"].as_f64().unwrap();
    let sum: f64 = [
        "grad-cam",
        "layer-cam",
        "hires-cam",
        "gradient",
        "smoothgrad",
    ]
    .iter()
    .map(|name| seconds(name, "seconds"))
    .sum();
    assert!(
        (sum + shared - total).abs() < 0.1 * total + 0.01,
        "{sum} + {shared} of {total}"
    );
    // Alone, a method is charged for everything.
    let alone = compare("grad-cam");
    assert_eq!(alone["methods"][0]["shared_seconds"], 0.0);
    let own = alone["methods"][0]["seconds"].as_f64().unwrap();
    assert!(own > seconds("grad-cam", "seconds"), "{own}");
}
