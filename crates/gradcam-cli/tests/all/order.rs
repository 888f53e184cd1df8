//! Bad arguments are refused before the network is loaded, and unsuitable shapes before a picture is read.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::binary::{files, gradcam};

/// Makes a picture, a data set without masks, a file, and a model that cannot be loaded.
fn prepared() -> TempDir {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["set/cat", "broken"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    let picture = image::RgbImage::from_pixel(40, 40, image::Rgb([90, 120, 30]));
    for name in ["a.png", "set/cat/1.png"] {
        picture.save(at(name)).unwrap();
    }
    fs::write(at("broken/config.json"), "{").unwrap();
    fs::write(at("broken/model.safetensors"), "").unwrap();
    fs::write(at("file"), "").unwrap();
    folder
}

/// The message when the model is loaded.
const LOADED: &str = "cannot load the model `broken`";

/// Runs `command`, which loads the model, and runs it with each of the options, which are refused before that.
fn early(folder: &Path, command: &[&str], options: &[(&[&str], &str)]) {
    let before = files(folder);
    let run = |more: &[&str]| {
        let model = ["--model", "broken"];
        gradcam(folder, &[command, &model, more].concat())
    };
    run(&[]).refused(&[LOADED]);
    for (more, words) in options {
        let run = run(more);
        run.refused(&[words]);
        assert!(!run.err.contains(LOADED), "{more:?}: {}", run.err);
    }
    assert_eq!(files(folder), before);
}

/// The options of every command that samples, or compares with pictures.
const SHARED: [(&[&str], &str); 4] = [
    (&["--background", "none.png"], "cannot read `none.png`"),
    (&["--precision", "tf32"], "tf32 and f16 are for GPUs"),
    (&["--precision", "f16"], "tf32 and f16 are for GPUs"),
    (&["--device", "gpu"], "unknown device `gpu`"),
];

#[test]
fn explain_refuses_before_it_loads() {
    let folder = prepared();
    early(folder.path(), &["explain", "a.png"], &SHARED);
    early(
        folder.path(),
        &["explain", "a.png"],
        &[
            (
                &["--method", "gradient", "--layer", "x"],
                "looks at the pixels",
            ),
            (&["--layer", "x", "--layer", "x"], "`x` is given twice"),
            (&["--counterfactual", "--method", "fem"], "`fem`"),
            (
                &["--method", "occlusion", "--set", "baseline=custom"],
                "custom baseline needs a picture",
            ),
            (&["--target", "like:none.png"], "cannot read `none.png`"),
            (
                &["--target", "like:a.png", "--target", "top"],
                "in a run of their own",
            ),
            (&["-o", "file/map.png"], "cannot make the folder `file`"),
        ],
    );
}

#[test]
fn compare_refuses_before_it_loads() {
    let folder = prepared();
    early(folder.path(), &["compare", "a.png"], &SHARED);
    early(
        folder.path(),
        &["compare", "a.png"],
        &[
            (&["--methods", "fem,fem"], "`fem` is given twice"),
            (
                &["--set", "occlusion.baseline=custom"],
                "custom baseline needs a picture",
            ),
            (&["--target", "like:none.png"], "cannot read `none.png`"),
            (&["-o", "file/map.png"], "cannot make the folder `file`"),
        ],
    );
}

#[test]
fn evaluate_refuses_before_it_loads() {
    let folder = prepared();
    early(folder.path(), &["evaluate", "set"], &SHARED);
    early(
        folder.path(),
        &["evaluate", "set"],
        &[
            (&["--methods", "grad-kam"], "unknown method `grad-kam`"),
            (&["--methods", "fem,fem"], "`fem` is given twice"),
            (&["--metrics", "deletoin"], "unknown metric `deletoin`"),
            (&["--metrics", "ssim"], "compares two maps"),
            (&["--metrics", "pointing"], "needs masks or boxes"),
            (
                &["--metrics", "sparsity,sparsity"],
                "`sparsity` is given twice",
            ),
            (&["--nulls", "random,random"], "`random` is given twice"),
            (&["--nulls", "mean-mask"], "needs masks or boxes"),
            (&["--records", "r", "--shard", "3/2"], "`--shard 3/2`"),
            (&["--records", "file"], "`file` exists"),
            (&["--records", "set", "--resume"], "`set` is a folder"),
            (
                &["--records", "file/r.jsonl"],
                "cannot make the folder `file`",
            ),
        ],
    );
}

#[test]
fn a_card_refuses_before_it_loads() {
    let folder = prepared();
    let card = ["card", "--data", "set", "-o", "card"];
    early(folder.path(), &card, &SHARED[1..]);
    early(
        folder.path(),
        &card,
        &[
            (&["--method", "grad-kam"], "unknown method `grad-kam`"),
            (&["--against", "grad-kam"], "unknown method `grad-kam`"),
            (&["--fail-on", "determinsm"], "`--fail-on determinsm`"),
        ],
    );
    let elsewhere = [
        "card",
        "--data",
        "set",
        "-o",
        "file/card",
        "--model",
        "broken",
    ];
    let run = gradcam(folder.path(), &elsewhere);
    run.refused(&["cannot make the folder `file/card`"]);
    assert!(!run.err.contains(LOADED), "{}", run.err);
}

/// With `--fit none`, each picture used to be refused separately.
#[test]
fn a_method_that_does_not_suit_is_refused_before_a_picture_is_read() {
    let folder = prepared();
    fs::write(folder.path().join("set/cat/1.png"), "no picture").unwrap();
    for fit in ["crop", "none"] {
        for args in [
            &["explain", "set/cat/1.png", "--method", "attention-rollout"][..],
            &["evaluate", "set", "--methods", "attention-rollout"],
            &[
                "explain",
                "set/cat/1.png",
                "--method",
                "cam",
                "--layer",
                "blocks.3",
                "--background",
                "set/cat/1.png",
            ],
        ] {
            let run = gradcam(folder.path(), &[args, &["--fit", fit]].concat());
            run.refused(&["error: "]);
            assert!(
                !run.err.contains("warning") && !run.err.contains("no picture"),
                "{args:?}: {}",
                run.err
            );
        }
    }
    assert!(
        files(folder.path())
            .iter()
            .all(|name| !name.contains("gradcam"))
    );
}
