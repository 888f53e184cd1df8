//! Existing files are kept: no output replaces an input or another output, and an error with one file is reported while the others
//! continue.

use std::fs::{self, File};
use std::path::Path;

use tempfile::tempdir;

use crate::binary::{Run, command, files, gradcam, photo, repository};

/// Draws a small picture, a different one for each `seed`.
fn draw(path: &Path, seed: u32) {
    let pixel = |x: u32, y: u32| [(x * 4) as u8, (y * 5 + seed * 40) as u8, (seed * 90) as u8];
    let picture = image::RgbImage::from_fn(60, 48, |x, y| image::Rgb(pixel(x, y)));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save(path).unwrap();
}

/// Makes a folder with these pictures.
fn pictures(names: &[&str]) -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    for (seed, name) in (0..).zip(names) {
        draw(&folder.path().join(name), seed);
    }
    folder
}

/// Runs a command that must be refused with `words`, without changing or making any file.
fn refused(folder: &Path, args: &[&str], words: &[&str]) {
    let contents = || -> Vec<(String, Vec<u8>)> {
        let names = files(folder).into_iter();
        names
            .map(|name| (name.clone(), fs::read(folder.join(name)).unwrap()))
            .collect()
    };
    let before = contents();
    gradcam(folder, args).refused(words);
    assert!(contents() == before, "{args:?}");
}

#[test]
fn an_output_that_is_an_input_is_refused() {
    let folder = pictures(&["cat.png", "in/dog.png", "in/deep/cow.png", "other.png"]);
    let at = folder.path();
    let here = at.display().to_string();
    for options in [&[][..], &["--force"], &["--resume"]] {
        for args in [
            &["explain", "cat.png", "-o", "."][..],
            &["explain", "cat.png", "-o", "cat.png"],
            &["explain", "cat.png", "-o", "./in/../cat.png"],
            &["explain", "cat.png", "-o", ""],
            &["explain", "cat.png", "-o", &here],
            &["explain", "in", "-o", "in"],
            &["explain", "cat.png", "in", "-o", "in/"],
            &["explain", "in/*.png", "-o", "in"],
            &[
                "explain",
                "cat.png",
                "--target",
                "like:other.png",
                "-o",
                "other.png",
            ],
            &[
                "explain",
                "cat.png",
                "--background",
                "in",
                "-o",
                "in/dog.png",
            ],
        ] {
            refused(at, &[args, options].concat(), &["would replace the input"]);
        }
    }
    for args in [
        &["compare", "cat.png", "-o", "cat.png"][..],
        &["compare", "cat.png", "-o", "."],
        &[
            "compare",
            "cat.png",
            "--target",
            "like:other.png",
            "-o",
            "other.png",
        ],
        &[
            "compare",
            "cat.png",
            "--background",
            "in",
            "-o",
            "in/dog.png",
        ],
    ] {
        let args = [args, &["--force"]].concat();
        refused(at, &args, &["would replace the input"]);
    }
}

#[cfg(unix)]
#[test]
fn an_input_is_known_by_all_its_links() {
    use std::os::unix::fs::symlink;

    let folder = pictures(&["in/cat.png"]);
    let at = folder.path();
    symlink("in/cat.png", at.join("soft.png")).unwrap();
    symlink("in", at.join("linked")).unwrap();
    fs::hard_link(at.join("in/cat.png"), at.join("hard.png")).unwrap();
    for (input, output) in [
        ("in/cat.png", "soft.png"),
        ("in/cat.png", "hard.png"),
        ("in/cat.png", "linked"),
        ("soft.png", "in/cat.png"),
        ("hard.png", "linked/cat.png"),
    ] {
        let args = ["explain", input, "-o", output, "--force"];
        refused(at, &args, &["would replace the input"]);
    }
    // Standard input also comes from a file.
    let before = fs::read(at.join("in/cat.png")).unwrap();
    let piped = command(at, &["explain", "-", "-o", "in/cat.png", "--force"])
        .stdin(File::open(at.join("in/cat.png")).unwrap())
        .output()
        .unwrap();
    Run::of(piped).refused(&["would replace the input `-`"]);
    assert!(fs::read(at.join("in/cat.png")).unwrap() == before);
}

#[cfg(feature = "text")]
#[test]
fn the_model_is_an_input() {
    let folder = pictures(&["cat.png"]);
    let model = folder.path().join("clip");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(repository().join("tests/golden/clip")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let args = [
        "explain",
        "cat.png",
        "--model",
        "clip",
        "--target",
        "text:a cat",
    ];
    let maps = ["--save-maps", "clip/model.safetensors", "--force"];
    refused(
        folder.path(),
        &[&args[..], &maps].concat(),
        &["`clip/model.safetensors`"],
    );
}

#[test]
fn a_file_of_weights_is_an_input() {
    let folder = pictures(&["cat.png"]);
    fs::write(folder.path().join("w.safetensors"), "weights").unwrap();
    let args = [
        "explain",
        "cat.png",
        "--model",
        "w.safetensors",
        "--arch",
        "resnet18",
    ];
    let maps = ["--save-maps", "w.safetensors", "--force"];
    refused(
        folder.path(),
        &[&args[..], &maps].concat(),
        &["`w.safetensors` would replace the input"],
    );
    let stdout = ["explain", "cat.png", "-o", "-", "--resume"];
    refused(folder.path(), &stdout, &["`--resume`", "`-o -`"]);
}

#[test]
fn no_command_writes_into_what_it_reads() {
    let folder = pictures(&["scenes/a.png", "cutouts/x/x.png", "cutouts/y/y.png"]);
    let at = folder.path();
    for output in ["scenes/new", "scenes", "cutouts/x/new"] {
        let args = ["data", "paste", "cutouts", "scenes", "-o", output];
        refused(at, &args, &["lies in the input"]);
    }
    for class in ["data/pictures/a.png", "data/other/b.png"] {
        draw(&at.join(class), 3);
    }
    let card = ["card", "--data", "data", "--force", "-o"];
    refused(
        at,
        &[&card[..], &["data"]].concat(),
        &["`data` lies in the input"],
    );
    fs::create_dir(at.join("out")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../data/pictures", at.join("out/pictures")).unwrap();
        refused(
            at,
            &[&card[..], &["out"]].concat(),
            &["`out/pictures` lies in the input"],
        );
    }
    let committed = repository().join("models/efficientnet-lite0/card/card.json");
    fs::copy(committed, at.join("out/card.md")).unwrap();
    let render = ["card", "render", "out/card.md", "-o", "out", "--force"];
    refused(at, &render, &["would replace the input"]);
    fs::write(at.join("data/notes.txt"), "").unwrap();
    for name in ["data/notes.txt", "data/pictures/a.png"] {
        refused(at, &["evaluate", "data", "--records", name], &[name]);
        refused(
            at,
            &["evaluate", "data", "--records", name, "--resume"],
            &[name],
        );
    }
}

#[test]
fn two_pictures_have_two_outputs() {
    let folder = pictures(&["a/x.png", "b/x.png", "c/x.jpg", "c/x.png", "c/x.jpg.png"]);
    let at = folder.path();
    let run = gradcam(at, &["explain", "a/x.png", "b/x.png", "-o", "o", "--json"]);
    let outputs: Vec<String> = run
        .records()
        .iter()
        .map(|record| record["outputs"]["picture"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(outputs, ["o/a/x.png", "o/b/x.png"]);
    let read = |name: &str| fs::read(at.join(name)).unwrap();
    assert_ne!(read("o/a/x.png"), read("o/b/x.png"));
    for option in ["--force", "--resume"] {
        let out = format!("o{option}");
        for _ in 0..2 {
            gradcam(at, &["explain", "a", "b/x.png", "-o", &out, option]).text();
            assert_eq!(files(&at.join(&out)), ["a/x.png", "b/x.png"]);
        }
        for name in ["a/x.png", "b/x.png"] {
            assert!(read(&format!("{out}/{name}")) == read(&format!("o/{name}")));
        }
    }
    // One file under several names is one picture.
    gradcam(
        at,
        &["explain", "a/x.png", "./a/../a/x.png", "a", "-o", "one.png"],
    )
    .text();

    let run = gradcam(at, &["explain", "c", "-o", "p", "--save-maps", "p"]);
    assert_eq!(run.text().lines().count(), 6);
    let names = ["x.jpg", "x.jpg.png", "x.png"]
        .map(|name| [format!("{name}.png"), format!("{name}.safetensors")]);
    let mut names = names.concat();
    names.sort();
    assert_eq!(files(&at.join("p")), names);
}

#[test]
fn names_differ_in_more_than_case() {
    let folder = pictures(&["in/x.png", "in/X.jpg"]);
    let at = folder.path();
    gradcam(at, &["explain", "in", "-o", "o"]).text();
    assert_eq!(files(&at.join("o")), ["X.jpg.png", "x.png.png"]);
}

#[test]
fn resume_keeps_what_is_there() {
    let folder = pictures(&["cat.png"]);
    let at = folder.path();
    let maps = [
        "explain",
        "cat.png",
        "-o",
        "o",
        "--save-maps",
        "m",
        "--top",
        "2",
    ];
    let resume = [&maps[..], &["--resume"]].concat();
    gradcam(at, &resume).text();
    fs::write(at.join("o/cat.top1.png"), "mine").unwrap();
    fs::remove_file(at.join("o/cat.top2.png")).unwrap();
    let kept = fs::read(at.join("m/cat.top2.safetensors")).unwrap();
    // Recomputing one file does not replace the rest.
    let run = gradcam(at, &resume);
    assert_eq!(run.text(), "o/cat.top2.png\n");
    assert!(run.err.contains("1 of the existing files"), "{}", run.err);
    assert_eq!(fs::read(at.join("o/cat.top1.png")).unwrap(), b"mine");
    assert!(fs::read(at.join("m/cat.top2.safetensors")).unwrap() == kept);
}

#[test]
fn resume_mixes_no_two_runs() {
    let folder = pictures(&["in/cat.png", "in/dog.png", "other.png"]);
    let at = folder.path();
    let with = |options: &[&str]| {
        let args = ["explain", "in", "-o", "o", "--save-maps", "m"];
        [&args[..], options]
            .concat()
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let run = |options: &[&str]| {
        let args = with(options);
        gradcam(at, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&["--target", "282"]).text();
    fs::remove_file(at.join("o/dog.png")).unwrap();
    let before: Vec<Vec<u8>> = files(at)
        .iter()
        .map(|n| fs::read(at.join(n)).unwrap())
        .collect();
    for options in [
        &["--method", "layer-cam"][..],
        &["--target", "283"],
        &["--layer", "blocks.4"],
        &["--view", "heatmap"],
        &["--colormap", "viridis"],
        &["--alpha", "0.75"],
        &["--fit", "squash"],
        &["--interpolation", "nearest"],
        &["--no-relu"],
        &["--counterfactual"],
        &["--background", "other.png"],
        &["--budget", "10"],
    ] {
        let mut options = options.to_vec();
        options.push("--resume");
        if !options.contains(&"--target") {
            options.extend(["--target", "282"]);
        }
        let run = run(&options);
        run.refused(&[options[0], "`o/cat.png` was made with another"]);
    }
    let top = run(&["--top", "1", "--resume"]);
    top.refused(&["--top"]);
    let after: Vec<Vec<u8>> = files(at)
        .iter()
        .map(|n| fs::read(at.join(n)).unwrap())
        .collect();
    assert!(before == after);
    // Threads, batch size and the default's name make no difference.
    let same = [
        "--target",
        "282",
        "--resume",
        "--threads",
        "1",
        "--batch",
        "1",
        "--method",
        "grad-cam",
    ];
    let run = run(&same);
    assert_eq!(run.text(), "o/dog.png\n");
    assert!(
        run.err
            .contains("1 explained, 0 failed, 0 skipped, 1 done before"),
        "{}",
        run.err
    );
    // A different picture under the same name is not done.
    let args = [
        "explain",
        "other.png",
        "-o",
        "o/cat.png",
        "--target",
        "282",
        "--resume",
    ];
    refused(at, &args, &["`o/cat.png` was made with another picture"]);
}

#[test]
fn resume_compares_single_files_of_every_format() {
    let folder = pictures(&["cat.png"]);
    let at = folder.path();
    for name in ["map.png", "map.jpg", "map.webp"] {
        let args = ["explain", "cat.png", "-o", name];
        gradcam(at, &args).text();
        assert_eq!(gradcam(at, &[&args[..], &["--resume"]].concat()).text(), "");
        let other = [&args[..], &["--resume", "--view", "contour"]].concat();
        refused(at, &other, &["--view", "`overlay` then, `contour` now"]);
    }
    // The same for standard input.
    let piped = [
        "explain",
        "-",
        "-o",
        "map.png",
        "--resume",
        "--method",
        "layer-cam",
    ];
    refused(at, &piped, &["--method"]);
    let here = ["explain", "cat.png"];
    gradcam(at, &here).text();
    let other = [&here[..], &["--resume", "--method", "layer-cam"]].concat();
    refused(at, &other, &["--method"]);
}

#[test]
fn one_output_that_cannot_be_written_does_not_stop_the_others() {
    let folder = pictures(&["in/a.png", "in/c.png"]);
    let at = folder.path();
    let long = "b".repeat(246);
    draw(&at.join(format!("in/{long}.png")), 5);
    // With its mark, this name is too long.
    let run = gradcam(at, &["explain", "in", "--batch", "1"]);
    run.refused(&[
        "warning: ",
        &long,
        "cannot write",
        "2 explained, 1 failed, 0 skipped",
    ]);
    assert_eq!(run.out, b"a.gradcam.png\nc.gradcam.png\n");

    // A file instead of a folder, and a folder instead of a file.
    fs::remove_file(at.join(format!("in/{long}.png"))).unwrap();
    for name in ["in/deep/d.png", "in/e.png"] {
        draw(&at.join(name), 6);
    }
    fs::create_dir_all(at.join("o/e.png")).unwrap();
    fs::write(at.join("o/deep"), "mine").unwrap();
    let args = [
        "explain",
        "in",
        "-o",
        "o",
        "--save-maps",
        "m",
        "--force",
        "--json",
    ];
    let run = gradcam(at, &args);
    run.refused(&["cannot make the folder `o/deep`", "cannot write `o/e.png`"]);
    assert!(run.err.contains("2 explained, 2 failed"), "{}", run.err);
    assert_eq!(String::from_utf8(run.out).unwrap().lines().count(), 4);
    assert_eq!(files(&at.join("m")).len(), 4);
    assert_eq!(fs::read(at.join("o/deep")).unwrap(), b"mine");
}

/// Nobody can read a folder whose path is longer than the system allows, whatever its permissions.
#[cfg(target_os = "linux")]
#[test]
fn one_unreadable_folder_does_not_stop_the_others() {
    let folder = pictures(&["in/a.png", "in/z.png"]);
    let at = folder.path();
    let script = r#"cd in; name=$(printf 'd%.0s' $(seq 250)); for i in $(seq 18); do mkdir $name && cd -P $name || exit 1; done"#;
    let made = std::process::Command::new("sh")
        .current_dir(at)
        .args(["-c", script])
        .status()
        .unwrap();
    assert!(made.success());
    let words = ["warning: cannot read the folder", "1 failed"];
    let run = gradcam(at, &["explain", "in", "-o", "o"]);
    run.refused(&words);
    assert_eq!(run.out, b"o/a.png\no/z.png\n");
    let run = gradcam(at, &["classify", "in", "--json"]);
    run.refused(&words);
    assert_eq!(String::from_utf8(run.out).unwrap().lines().count(), 2);
}

#[test]
fn a_folder_ends_with_a_summary() {
    let folder = pictures(&["in/a.png", "in/b.jpg"]);
    let at = folder.path();
    fs::write(
        at.join("in/cut.png"),
        &fs::read(at.join("in/a.png")).unwrap()[..60],
    )
    .unwrap();
    for name in [
        "notes.txt",
        "table.csv",
        "more.txt",
        "c.heic",
        "d.AVIF",
        "e.jxl",
        "README",
    ] {
        fs::write(at.join("in").join(name), "x").unwrap();
    }
    let skipped = "7 skipped (1 AVIF, 1 HEIC, 1 JPEG XL, 1 .csv, 2 .txt, 1 without an ending)";
    let run = gradcam(at, &["explain", "in", "-o", "o"]);
    run.refused(&[&format!("2 explained, 1 failed, {skipped}"), "`in/cut.png`"]);
    for name in ["HEIC", "AVIF", "JPEG XL"] {
        assert!(
            run.err
                .contains(&format!("{name} is not supported; convert")),
            "{}",
            run.err
        );
    }
    let run = gradcam(at, &["classify", "in"]);
    run.refused(&[&format!("2 classified, 1 failed, {skipped}")]);
    // A single picture needs no summary.
    let run = gradcam(at, &["classify", "in/a.png"]);
    assert!(
        run.code == Some(0) && !run.err.contains("skipped"),
        "{}",
        run.err
    );
}

#[test]
fn unsupported_pictures_are_named_by_their_content() {
    let folder = tempdir().unwrap();
    for (bytes, format) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "AVIF"),
        (b"\xff\x0a\xfa\x1f\x01\x90\x08\x06", "JPEG XL"),
    ] {
        fs::write(folder.path().join("x.png"), bytes).unwrap();
        let words = [format, "convert them to PNG or JPEG"];
        gradcam(folder.path(), &["classify", "x.png"]).refused(&words);
    }
}

#[test]
fn outputs_are_no_inputs() {
    let folder = pictures(&["cat.png", "deep/dog.jpg"]);
    let at = folder.path();
    let made = [
        "cat.gradcam.png",
        "cat.png",
        "deep/dog.gradcam.png",
        "deep/dog.jpg",
        "o/cat.png",
        "o/deep/dog.png",
        "sheet.png",
        "view.jpg",
        "view.webp",
    ];
    gradcam(at, &["explain", ".", "-o", "o"]).text();
    gradcam(at, &["explain", "."]).text();
    gradcam(at, &["explain", "cat.png", "-o", "view.jpg"]).text();
    gradcam(at, &["explain", "cat.png", "-o", "view.webp"]).text();
    let compare = [
        "compare",
        "cat.png",
        "--methods",
        "grad-cam,layer-cam",
        "-o",
        "sheet.png",
    ];
    gradcam(at, &compare).text();
    assert_eq!(files(at), made);
    for args in [
        &["explain", ".", "--force"][..],
        &["explain", ".", "-o", "o", "--resume"],
        &["explain", "*.png", "v*.*", "--force"],
    ] {
        let run = gradcam(at, args);
        run.text();
        assert!(run.err.contains("made by gradcam"), "{}", run.err);
        assert_eq!(files(at), made);
    }
    let run = gradcam(at, &["classify", ".", "--json"]);
    assert_eq!(run.records().len(), 2);
    assert!(
        run.err
            .contains("2 classified, 0 failed, 7 skipped (7 made by gradcam)"),
        "{}",
        run.err
    );
    // A picture that is named is read.
    let run = gradcam(at, &["explain", "o/cat.png", "-o", "again.png"]);
    assert_eq!(run.text(), "again.png\n");
    gradcam(at, &["explain", "o"]).refused(&["no pictures found", "2 made by gradcam"]);
    // A photo in a folder of outputs is not taken for an output.
    fs::copy(photo("coffee.png"), at.join("o/coffee.png")).unwrap();
    assert_eq!(gradcam(at, &["classify", "o", "--json"]).records().len(), 1);
}
