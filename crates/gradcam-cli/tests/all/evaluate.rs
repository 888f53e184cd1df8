//! `gradcam data` and `gradcam evaluate`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::binary::{gradcam, photo, repository};

/// Draws four pictures with masks, of classes that the default model lacks.
fn shapes(folder: &Path) {
    let make = [
        "data", "make", "shapes", "--train", "0", "--test", "4", "-o", "shapes",
    ];
    assert_eq!(gradcam(folder, &make).text().trim(), "shapes");
}

fn prepared() -> TempDir {
    let folder = tempdir().unwrap();
    shapes(folder.path());
    folder
}

#[test]
fn a_drawn_set_is_described() {
    let folder = prepared();
    let info: Value =
        serde_json::from_str(gradcam(folder.path(), &["data", "info", "shapes", "--json"]).text())
            .unwrap();
    assert_eq!(info["pictures"], 4);
    assert_eq!(info["kind"], "synthetic");
    assert_eq!(info["annotation"], "mask");
    let text = gradcam(folder.path(), &["data", "info", "shapes"]);
    assert!(
        text.text().contains("synthetic: shapes, seed 0"),
        "{}",
        text.text()
    );
    // The same seed gives the same bytes, another one does not, and nothing is overwritten.
    let make = |seed: &str, name: &str| {
        let args = [
            "data", "make", "shapes", "--train", "0", "--test", "4", "--seed", seed, "-o", name,
        ];
        gradcam(folder.path(), &args)
    };
    let json = |name: &str| fs::read(folder.path().join(name).join("instances.json")).unwrap();
    make("0", "again").text();
    make("1", "other").text();
    assert_eq!(json("shapes"), json("again"));
    assert_ne!(json("shapes"), json("other"));
    make("0", "again").refused(&["`again` exists"]);
    gradcam(folder.path(), &["data", "make", "shaeps", "-o", "x"])
        .refused(&["unknown generator `shaeps`", "lesions"]);
    gradcam(
        folder.path(),
        &["data", "make", "shapes", "-o", "x", "--set", "sise=3"],
    )
    .refused(&["no parameter `sise`", "size"]);
    gradcam(folder.path(), &["data", "info", "nowhere"]).refused(&["nowhere"]);
}

#[test]
fn cut_outs_are_pasted_on_scenes() {
    let folder = tempdir().unwrap();
    for (class, color) in [("red", [200, 30, 30]), ("green", [30, 200, 30])] {
        let place = folder.path().join("cutouts").join(class);
        fs::create_dir_all(&place).unwrap();
        let disc = image::RgbaImage::from_fn(40, 40, |x, y| {
            let inside = (f64::from(x) - 19.5).hypot(f64::from(y) - 19.5) < 18.0;
            image::Rgba([color[0], color[1], color[2], if inside { 255 } else { 0 }])
        });
        disc.save(place.join("disc.png")).unwrap();
    }
    fs::create_dir(folder.path().join("scenes")).unwrap();
    fs::copy(photo("coffee.png"), folder.path().join("scenes/coffee.png")).unwrap();
    let paste = [
        "data", "paste", "cutouts", "scenes", "--count", "4", "--size", "96", "-o", "pasted",
    ];
    gradcam(folder.path(), &paste).text();
    let info = gradcam(folder.path(), &["data", "info", "pasted", "--json"]);
    let info: Value = serde_json::from_str(info.text()).unwrap();
    assert_eq!(
        (&info["pictures"], &info["objects"]),
        (&4.into(), &8.into())
    );
}

const STUDY: [&str; 9] = [
    "evaluate",
    "shapes",
    "--methods",
    "grad-cam,gradient",
    "--metrics",
    "pointing,energy,average-drop",
    "--nulls",
    "random,centre,permuted,untrained,mean-mask",
    "--json",
];

fn study<'a>(more: &[&'a str]) -> Vec<&'a str> {
    STUDY.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn shards_and_a_run_taken_up_say_what_one_run_says() {
    let folder = prepared();
    let run = |more: &[&str]| gradcam(folder.path(), &study(more)).text().to_string();
    let plain = run(&[]);
    let summary: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(
        (&summary["images"], &summary["measured"]),
        (&4.into(), &4.into())
    );
    let sources = summary["metrics"][0]["sources"].as_array().unwrap();
    let names: Vec<&str> = sources
        .iter()
        .map(|s| s["source"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "grad-cam",
            "gradient",
            "random",
            "centre",
            "permuted",
            "permuted",
            "untrained",
            "untrained",
            "mean-mask"
        ]
    );
    assert_eq!(sources[0]["values"], 4);
    assert_eq!(sources[0]["against"].as_array().unwrap().len(), 5);
    // The number of threads makes no difference.
    assert_eq!(run(&["--records", "whole", "--threads", "1"]), plain);
    run(&["--records", "a", "--shard", "1/2"]);
    run(&["--records", "b", "--shard", "2/2"]);
    let merged = gradcam(folder.path(), &["evaluate", "merge", "b", "a", "--json"]);
    assert_eq!(merged.text(), plain);
    let whole = fs::read(folder.path().join("whole")).unwrap();
    fs::write(folder.path().join("cut"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(run(&["--records", "cut", "--resume"]), plain);
    assert_eq!(fs::read(folder.path().join("cut")).unwrap(), whole);
    gradcam(folder.path(), &study(&["--records", "whole"])).refused(&["`whole` exists"]);
    gradcam(
        folder.path(),
        &study(&["--records", "a", "--resume", "--seed", "5"]),
    )
    .refused(&["its seed is 0, expected 5"]);
}

/// Checks drawn shapes, which have masks, and classes that the default model lacks.
#[test]
fn each_metric_has_the_images_that_it_can_have() {
    let folder = prepared();
    let metrics = "iou-tuned,pointing-class-mean,localisation-error-top5,deletion-correlation";
    let study = [
        "evaluate",
        "shapes",
        "--metrics",
        metrics,
        "--nulls",
        "permuted,shuffled",
    ];
    let json: Vec<&str> = study.iter().copied().chain(["--json"]).collect();
    let summary: Value = serde_json::from_str(gradcam(folder.path(), &json).text()).unwrap();
    let values: Vec<Vec<u64>> = (0..4)
        .map(|metric| {
            let sources = summary["metrics"][metric]["sources"].as_array().unwrap();
            let values = sources.iter().map(|s| s["values"].as_u64().unwrap());
            values.collect()
        })
        .collect();
    // Only a correlation is compared with shuffled values.
    assert_eq!(values, [[4, 4, 0], [0, 0, 0], [0, 0, 0], [4, 4, 4]]);
    let table = gradcam(folder.path(), &study);
    assert!(table.text().contains(" cut at 0."), "{}", table.text());
}

#[test]
fn what_cannot_be_measured_is_said() {
    let folder = prepared();
    let refused = |args: &[&str], words: &[&str]| gradcam(folder.path(), args).refused(words);
    refused(
        &["evaluate", "shapes", "--metrics", "deletoin"],
        &["unknown metric `deletoin`", "`deletion`"],
    );
    refused(
        &["evaluate", "shapes", "--metrics", "ssim"],
        &["compares two maps"],
    );
    refused(
        &["evaluate", "shapes", "--nulls", "noise"],
        &["unknown null `noise`"],
    );
    refused(&["evaluate", "nowhere"], &["nowhere"]);
    let shard = ["evaluate", "shapes", "--records", "r", "--shard", "3/2"];
    refused(&shard, &["`--shard 3/2`"]);
    let photos = repository().join("models/photos").display().to_string();
    refused(
        &["evaluate", &photos, "--metrics", "pointing"],
        &["needs masks or boxes"],
    );
    let table = gradcam(
        folder.path(),
        &["evaluate", "shapes", "--metrics", "sparsity"],
    );
    assert!(table.text().contains("descriptive"), "{}", table.text());
    assert!(
        table
            .err
            .contains("4 images have a class that the model does not"),
        "{}",
        table.err
    );
}
