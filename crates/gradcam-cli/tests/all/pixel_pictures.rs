//! Pictures of maps whose values belong to single pixels: a few of them do not hide the others.

use tempfile::tempdir;

use crate::binary::{gradcam, photo};

/// The share of the picture that has clearly another colour than a map without evidence.
fn shown(args: &[&str]) -> f64 {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    let mut all = vec!["explain", &chelsea, "--view", "heatmap", "-o", "map.png"];
    all.extend(args);
    gradcam(folder.path(), &all).text();
    let picture = image::open(folder.path().join("map.png"))
        .unwrap()
        .to_rgb8();
    let mut colours = std::collections::BTreeMap::<[u8; 3], usize>::new();
    for pixel in picture.pixels() {
        *colours.entry(pixel.0).or_default() += 1;
    }
    // The colour of nothing is the most frequent one: a ReLU leaves half of the pixels without evidence, or more.
    let (nothing, _) = colours.iter().max_by_key(|(_, count)| **count).unwrap();
    let far = |colour: &[u8; 3]| {
        let apart = colour.iter().zip(nothing).map(|(a, b)| a.abs_diff(*b));
        apart.max().unwrap() > 48
    };
    let seen: usize = colours.iter().filter(|(c, _)| far(c)).map(|(_, n)| n).sum();
    seen as f64 / (picture.width() * picture.height()) as f64
}

#[test]
fn products_with_grad_cam_are_not_blank() {
    for args in [
        &["--method", "guided-grad-cam"][..],
        &["--method", "smoothgrad-grad-cam", "--set", "samples=3"],
    ] {
        let found = shown(args);
        println!("{args:?} {found}");
        let signed = shown(&[args, &["--no-relu"]].concat());
        println!("{args:?} --no-relu {signed}");
    }
}
