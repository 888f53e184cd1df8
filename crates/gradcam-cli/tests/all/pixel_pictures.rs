//! Pictures of maps with values for single pixels: a few of these do not hide the others.

use tempfile::tempdir;

use crate::binary::{gradcam, photo};

/// Returns the share of the picture in the warm colours of the scale's upper half.
fn warm(args: &[&str]) -> f64 {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    let mut all = vec!["explain", &chelsea, "--view", "heatmap", "-o", "map.png"];
    all.extend(args);
    gradcam(folder.path(), &all).text();
    let picture = image::open(folder.path().join("map.png"))
        .unwrap()
        .to_rgb8();
    let is_warm = |[red, _, blue]: [u8; 3]| red > blue.saturating_add(60);
    let count = picture.pixels().filter(|pixel| is_warm(pixel.0)).count();
    count as f64 / f64::from(picture.width() * picture.height())
}

#[test]
fn products_with_grad_cam_are_not_blank() {
    for args in [
        &["--method", "guided-grad-cam"][..],
        &["--method", "smoothgrad-grad-cam", "--set", "samples=3"],
    ] {
        // Scaled by their largest pixel, guided Grad-CAM has one warm pixel in a thousand.
        let found = warm(args);
        assert!(found > 0.01, "{args:?}: {found}");
        let signed = warm(&[args, &["--no-relu"]].concat());
        assert!(signed > 0.01, "{args:?} --no-relu: {signed}");
    }
}
