//! Names and labels that would move the cursor, colour the screen, end the line or reverse it are shown, but never obeyed.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{Run, command, gradcam, photo, repository};

/// Escape, line feed, carriage return, bell, DEL, C1's CSI, a right-to-left override and a line separator.
const NASTY: &str = "a\x1b[31mb\nc\rd\x07e\x7ff\u{9b}2Jg\u{202e}h\u{2028}i";
const SHOWN: &str = "a\\u001b[31mb\\nc\\rd\\u0007e\\u007ff\\u009b2Jg\\u202eh\\u2028i";

/// Fails if a text does more than end its lines.
fn clean(text: &str) {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(acts), "{text:?}");
}

/// Checks that the messages and the printed text of a run are clean, with each mention of the name on one line.
fn shown(run: &Run) {
    let out = String::from_utf8(run.out.clone()).unwrap();
    for text in [&run.err, &out] {
        clean(text);
        for line in text.lines().filter(|line| line.contains("[31m")) {
            assert!(line.contains(SHOWN), "{line:?}");
        }
    }
}

/// Draws a picture with a name that a terminal would obey.
#[cfg(unix)]
fn picture(folder: &Path) -> String {
    let name = format!("{NASTY}.png");
    image::RgbImage::from_pixel(40, 40, image::Rgb([90, 120, 30]))
        .save(folder.join(&name))
        .unwrap();
    name
}

#[cfg(unix)]
#[test]
fn the_name_of_a_picture() {
    let folder = tempdir().unwrap();
    let name = picture(folder.path());
    let run = gradcam(folder.path(), &["explain", &name, "-o", "out"]);
    clean(&run.err);
    assert!(run.err.contains(&format!("{SHOWN}.png: ")), "{}", run.err);
    // A program reads the unescaped name, to open the file.
    assert_eq!(run.text(), format!("out/{NASTY}.png\n"));
    assert!(folder.path().join("out").join(&name).is_file());

    let run = gradcam(folder.path(), &["classify", &name]);
    shown(&run);
    assert_eq!(run.text().lines().next(), Some(&*format!("{SHOWN}.png")));
    assert_eq!(run.text().lines().count(), 6);

    // JSON has the same name, and is clean too.
    let run = gradcam(folder.path(), &["classify", &name, "--json"]);
    clean(run.text());
    assert_eq!(run.records()[0]["image"], name.as_str());

    let run = gradcam(folder.path(), &["compare", &name, "--methods", "cam"]);
    clean(&run.err);
    assert!(run.err.contains(SHOWN), "{}", run.err);

    // A message keeps its hint on a line of its own.
    let run = gradcam(folder.path(), &["explain", &name, "-o", "out"]);
    run.refused(&[&format!("`out/{SHOWN}.png` exists\n\nhint: ")]);
    shown(&run);
}

#[cfg(unix)]
#[test]
fn names_in_warnings_and_errors() {
    let folder = tempdir().unwrap();
    let name = format!("{NASTY}.png");
    fs::write(folder.path().join(&name), "no picture").unwrap();
    let coffee = photo("coffee.png");
    for args in [
        &["explain", &name][..],
        &["classify", &name],
        &["explain", NASTY],
        &["explain", &coffee, "--model", NASTY],
        &["explain", &coffee, "--layer", NASTY],
        &["explain", &coffee, "--target", NASTY],
        &["explain", &coffee, "--method", NASTY],
        &["explain", &coffee, "--view", NASTY],
        &["explain", &coffee, "--set", NASTY],
        &["explain", &coffee, "--batch", NASTY],
        &["explain", &coffee, "--device", NASTY],
        &["explain", &coffee, "-o", NASTY, NASTY],
        &["data", "info", NASTY],
        &["data", "make", NASTY, "-o", "x"],
        &["evaluate", NASTY],
        &["card", "diff", NASTY, NASTY],
        &[NASTY],
    ] {
        let run = gradcam(folder.path(), args);
        run.refused(&[]);
        shown(&run);
        assert!(!run.err.is_empty(), "{args:?}");
    }
    // A name that is not valid text.
    use std::os::unix::ffi::OsStrExt;
    let mut bytes = command(folder.path(), &["classify"]);
    bytes.arg(OsStr::from_bytes(b"x\xff\x9b31m.png"));
    let run = Run::of(bytes.output().unwrap());
    run.refused(&[]);
    clean(&run.err);
    // The help shows the environment.
    let mut help = command(folder.path(), &["explain", "--help"]);
    let run = Run::of(help.env("GRADCAM_MODEL", NASTY).output().unwrap());
    clean(run.text());
}

/// Checks a model's labels in messages, in tables and on pictures.
#[test]
fn the_labels_of_a_model() {
    let folder = tempdir().unwrap();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    let source = repository().join("models/efficientnet-lite0");
    let config = fs::read_to_string(source.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    let labels: Vec<String> = (0..1000).map(|i| format!("{i}{NASTY}")).collect();
    config["label_names"] = labels.into();
    fs::write(own.join("config.json"), config.to_string()).unwrap();
    fs::copy(
        source.join("model.safetensors"),
        own.join("model.safetensors"),
    )
    .unwrap();
    let coffee = photo("coffee.png");
    let run = gradcam(folder.path(), &["classify", &coffee, "--model", "own"]);
    shown(&run);
    assert_eq!(run.text().lines().count(), 6);
    assert_eq!(run.text().matches(SHOWN).count(), 5);
    let args = ["explain", &coffee, "--model", "own", "--caption"];
    let run = gradcam(folder.path(), &args);
    run.text();
    shown(&run);
    assert!(run.err.contains(SHOWN), "{}", run.err);
}

/// Checks the classes of a data set in `data info` and in `evaluate`'s messages on its pictures.
#[cfg(unix)]
#[test]
fn the_classes_of_a_data_set() {
    let folder = tempdir().unwrap();
    for class in ["plain", NASTY] {
        let class = folder.path().join("data").join(class);
        fs::create_dir_all(&class).unwrap();
        picture(&class);
        fs::write(class.join(format!("{NASTY}2.png")), "no picture").unwrap();
    }
    let run = gradcam(folder.path(), &["data", "info", "data"]);
    shown(&run);
    let out = String::from_utf8(run.out).unwrap();
    assert!(out.contains(SHOWN), "{out}");
}
