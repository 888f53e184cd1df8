//! `gradcam evaluate` as a resumed study, on pictures as cameras store them, and with all methods at once; and `gradcam metrics`.

use std::fs;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ImageEncoder, RgbImage};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::binary::{Run, gradcam, photo};

/// Writes a PNG whose EXIF data has an orientation, 1 to 8 (CIPA DC-008, 4.6.4).
fn oriented(path: &Path, image: &RgbImage, orientation: u8) {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    tiff.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = PngEncoder::new(fs::File::create(path).unwrap());
    encoder.set_exif_metadata(tiff).unwrap();
    image.write_with_encoder(encoder).unwrap();
}

fn cat() -> RgbImage {
    image::open(photo("chelsea.png"))
        .unwrap()
        .thumbnail(300, 240)
        .into_rgb8()
}

/// Makes a folder `set` with one picture.
fn one() -> TempDir {
    let folder = tempdir().unwrap();
    fs::create_dir_all(folder.path().join("set/cat")).unwrap();
    cat().save(folder.path().join("set/cat/1.png")).unwrap();
    folder
}

/// Returns the predicted class in each record of a file.
fn seen(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["predicted"].as_u64())
        .map(Option::unwrap)
        .collect()
}

fn rise<'a>(records: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let study = [
        "evaluate",
        "set",
        "--methods",
        "rise",
        "--metrics",
        "sparsity",
        "--records",
        records,
    ];
    study.iter().chain(more).copied().collect()
}

#[test]
fn a_study_is_taken_up_with_the_arguments_that_it_was_begun_with() {
    let folder = one();
    let run = |args: &[&str]| gradcam(folder.path(), args);
    let (coffee, rocket) = (photo("coffee.png"), photo("rocket.jpg"));
    let begun = [
        "--budget",
        "20",
        "--tolerance",
        "0.1",
        "--background",
        &coffee,
    ];
    run(&rise("a", &begun)).text();
    let bytes = || fs::read(folder.path().join("a")).unwrap();
    let before = bytes();
    let changed = |place: usize, value: &'static str| {
        let mut args = begun;
        args[place] = if value == "rocket" { &rocket } else { value };
        let mut args = rise("a", &args);
        args.push("--resume");
        run(&args)
    };
    changed(1, "30").refused(&["its budget is 20, expected 30", "`--budget`"]);
    changed(3, "0.2").refused(&["its tolerance is 0.1, expected 0.2", "`--tolerance`"]);
    changed(5, "rocket").refused(&["its background_sha256 is", "`--background`"]);
    let mut without = rise("a", &begun[..4]);
    without.push("--resume");
    run(&without).refused(&["expected none", "`--background`"]);
    let mut squashed = rise("a", &begun);
    squashed.extend(["--resume", "--fit", "squash"]);
    run(&squashed).refused(&["its fit is \"crop\", expected \"squash\"", "`--fit`"]);
    assert_eq!(bytes(), before);
    changed(1, "20").text();
    assert_eq!(bytes(), before);

    // Shards of different studies are not merged.
    run(&rise(
        "b",
        &[
            "--budget",
            "30",
            "--tolerance",
            "0.1",
            "--background",
            &coffee,
        ],
    ))
    .text();
    let merge = ["evaluate", "merge", "a", "b"];
    run(&merge).refused(&["its budget is 30, expected 20", "`--budget`"]);

    // Records of the first version lacked some of these fields.
    let text = String::from_utf8(before).unwrap();
    let old = text.replacen("gradcam-records/2", "gradcam-records/1", 1);
    fs::write(
        folder.path().join("old"),
        old.replacen("\"budget\":20,", "", 1),
    )
    .unwrap();
    let words = ["gradcam-records/1", "gradcam-records/2", "another file"];
    run(&["evaluate", "merge", "old"]).refused(&words);
    let mut args = rise("old", &begun);
    args.push("--resume");
    run(&args).refused(&words);
}

#[test]
fn photos_that_are_stored_on_their_sides_are_measured_upright() {
    let folder = tempdir().unwrap();
    let place = |name: &str| folder.path().join("set/cat").join(name);
    let image = cat();
    // How each picture is stored, so that it appears upright.
    let stored = [
        (6, image::imageops::rotate270(&image)),
        (3, image::imageops::rotate180(&image)),
        (8, image::imageops::rotate90(&image)),
    ];
    for (orientation, stored) in &stored {
        oriented(&place(&format!("{orientation}.png")), stored, *orientation);
    }
    let run = |args: &[&str]| gradcam(folder.path(), args);
    let explained = run(&["classify", "set", "--top", "1", "--json"]).records();
    let explained: Vec<u64> = explained
        .iter()
        .map(|record| record["predictions"][0]["index"].as_u64().unwrap())
        .collect();
    let metric = ["--metrics", "sparsity", "--records"];
    let study = |data: &'static str, records: &'static str| {
        let args: Vec<&str> = ["evaluate", data].iter().chain(&metric).copied().collect();
        run(&[args, vec![records]].concat())
    };
    let upright = study("set", "records");
    upright.text();
    assert!(!upright.err.contains("EXIF"), "{}", upright.err);
    assert_eq!(seen(&folder.path().join("records")), explained);
    // They are the same picture, and `data info` reports its size.
    assert!(explained.iter().all(|&class| class == explained[0]));
    let info = run(&["data", "info", "set", "--json"]).records();
    assert_eq!(info[0]["sizes"]["least"], info[0]["sizes"]["most"]);

    // Boxes refer to the stored pixels: the picture is not turned, and a warning says so.
    let (width, height) = stored[1].1.dimensions();
    oriented(&folder.path().join("boxes/images/1.png"), &stored[1].1, 3);
    let instances = json!({
        "images": [{"id": 1, "file_name": "1.png", "width": width, "height": height}],
        "annotations": [{"image_id": 1, "category_id": 0, "bbox": [0, 0, 40, 30]}],
        "categories": [{"id": 0, "name": "cat"}],
    });
    fs::write(
        folder.path().join("boxes/instances.json"),
        instances.to_string(),
    )
    .unwrap();
    let lying = study("boxes", "lying");
    lying.text();
    assert!(
        lying.err.contains("1 of the pictures") && lying.err.contains("EXIF"),
        "{}",
        lying.err
    );
    stored[1].1.save(folder.path().join("flat.png")).unwrap();
    let flat = run(&["classify", "flat.png", "--top", "1", "--json"]).records();
    let flat = flat[0]["predictions"][0]["index"].as_u64().unwrap();
    assert_eq!(seen(&folder.path().join("lying")), [flat]);
}

#[test]
fn nulls_are_checked_before_a_file_is_begun() {
    let folder = one();
    let run = |nulls: &str| {
        let args = [
            "evaluate",
            "set",
            "--metrics",
            "sparsity",
            "--nulls",
            nulls,
            "--records",
            "r.jsonl",
        ];
        gradcam(folder.path(), &args)
    };
    run("random,random").refused(&["`random` is given twice"]);
    run("mean-mask").refused(&["needs masks or boxes"]);
    assert!(!folder.path().join("r.jsonl").exists());
}

#[test]
fn what_does_not_suit_the_network_is_left_out_before_anything_is_computed() {
    let folder = tempdir().unwrap();
    fs::create_dir_all(folder.path().join("set/cat")).unwrap();
    // There is no picture to compute on.
    fs::write(folder.path().join("set/cat/1.png"), "no picture").unwrap();
    let run = |more: &[&str]| {
        let args = ["evaluate", "set", "--metrics", "sparsity", "--json"];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        gradcam(folder.path(), &args)
    };
    let methods = |run: &Run| -> Vec<String> {
        let summary: Value = serde_json::from_slice(&run.out).unwrap();
        let sources = summary["metrics"][0]["sources"].as_array().unwrap();
        let names = sources.iter().map(|s| s["source"].as_str().unwrap());
        names.map(ToString::to_string).collect()
    };
    let all = run(&["--methods", "all"]);
    assert_eq!(all.code, Some(2), "{}", all.err);
    for left in ["attention-rollout", "gradient-attention-rollout"] {
        assert!(
            all.err.contains(&format!("without {left}: ")),
            "{}",
            all.err
        );
        assert!(!methods(&all).contains(&left.to_string()));
    }
    assert!(methods(&all).contains(&"cam".to_string()));
    // No global average directly follows this layer.
    let inner = run(&["--methods", "all", "--layer", "blocks.3"]);
    assert!(inner.err.contains("without cam: "), "{}", inner.err);
    assert!(!methods(&inner).contains(&"cam".to_string()));
    // A named method must suit.
    let named = run(&["--methods", "grad-cam,attention-rollout"]);
    named.refused(&["the method `attention-rollout`", "transformer"]);
    assert!(named.out.is_empty() && !named.err.contains("no picture"));
    let card = [
        "card",
        "--data",
        "set",
        "-o",
        "card",
        "--method",
        "attention-rollout",
    ];
    gradcam(folder.path(), &card).refused(&["the method `attention-rollout`", "transformer"]);
}

#[test]
fn a_picture_that_cannot_be_read_is_a_warning() {
    let folder = one();
    fs::write(folder.path().join("set/cat/2.png"), "no picture").unwrap();
    let args = ["evaluate", "set", "--metrics", "sparsity", "--json"];
    let found = gradcam(folder.path(), &args);
    assert_eq!(found.code, Some(2), "{}", found.err);
    assert!(found.err.contains("warning: `cat/2`"), "{}", found.err);
    let summary: Value = serde_json::from_slice(&found.out).unwrap();
    assert_eq!(
        (&summary["measured"], &summary["images"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn tables_say_what_their_headings_mean() {
    let folder = tempdir().unwrap();
    let make = [
        "data", "make", "shapes", "--train", "0", "--test", "2", "-o", "shapes",
    ];
    gradcam(folder.path(), &make).text();
    let table = |metrics: &str| {
        let args = ["evaluate", "shapes", "--metrics", metrics];
        gradcam(folder.path(), &args).text().to_string()
    };
    let whole = table("hit,energy,sparsity");
    let below = whole.rsplit_once("\n\n").unwrap().1;
    for heading in [
        "mean, 95 % interval:",
        "undefined:",
        "rank:",
        "worst p (Holm):",
        "*: fewer than 30",
        "hit, pointing:",
    ] {
        assert!(below.contains(heading), "no `{heading}` in: {below}");
    }
    assert!(
        below.contains("one-sided") && below.contains("one metric"),
        "{below}"
    );
    // Two images are few, and no number has more than three digits.
    let row = whole
        .lines()
        .find(|line| line.contains("grad-cam"))
        .unwrap();
    assert!(row.contains("]*"), "{row}");
    for word in whole.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
        let digits = word.trim_start_matches(['0', '.']).replace('.', "");
        let point = word.contains('.');
        assert!(!point || digits.len() <= 3, "`{word}` in: {whole}");
    }
    // A heading that is absent is not explained.
    let short = table("sparsity");
    for heading in ["rank", "worst p", "hit, pointing"] {
        assert!(!short.contains(heading), "{short}");
    }
}

#[test]
fn metrics_are_listed() {
    let folder = tempdir().unwrap();
    let records = gradcam(folder.path(), &["metrics", "--json"]).records();
    assert_eq!(records.len(), gradcam_eval::Metric::ALL.len());
    let named = |name: &str| {
        records
            .iter()
            .find(|record| record["name"] == name)
            .unwrap()
    };
    let road = named("road");
    assert_eq!(road["direction"], "up");
    assert_eq!(road["range"]["least"], -0.5);
    assert_eq!(road["needs"], json!(["network"]));
    assert_eq!(road["nulls"], json!(["random", "centre"]));
    assert!(
        road["paper"]
            .as_str()
            .unwrap()
            .starts_with("Rong et al. 2022")
    );
    assert_eq!(named("ssim")["evaluate"], false);
    let text = gradcam(folder.path(), &["metrics"]);
    for record in &records {
        let line = format!("\n{} ", record["name"].as_str().unwrap());
        assert!(format!("\n{}", text.text()).contains(&line), "{line}");
    }
    assert!(
        text.text()
            .contains("lower is better; at least 0 (squared logits)")
    );
    // An unknown one lists the nearest, in any case, and the command.
    let folder = one();
    let unknown = ["evaluate", "set", "--metrics", "Deletoin"];
    gradcam(folder.path(), &unknown).refused(&[
        "unknown metric `Deletoin`",
        "`deletion`",
        "`gradcam metrics`",
    ]);
}
