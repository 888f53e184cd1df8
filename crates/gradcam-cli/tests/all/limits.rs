//! Numbers and files that demand all memory, or never end, are refused in bounded time and memory, with a message.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};

use crate::binary::{Run, command, photo};

/// Runs a command that must end within 60 seconds and never hold more than a gigabyte; on small inputs it takes a tenth of both.
fn bounded(mut command: Command) -> Run {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    // The messages fit into the pipes.
    while child.try_wait().unwrap().is_none() {
        let held = resident(child.id());
        let late = begin.elapsed() > Duration::from_secs(60);
        if late || held > 1 << 20 {
            child.kill().unwrap();
            panic!("{command:?}: {held} kB after {:?}", begin.elapsed());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Run::of(child.wait_with_output().unwrap())
}

/// Returns the most memory that a process has held, in kB; 0 if the system does not tell.
fn resident(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

fn run(folder: &TempDir, args: &[&str]) -> Run {
    bounded(command(folder.path(), args))
}

/// Makes a folder `own` with this description and without matching weights.
fn own(config: &str) -> TempDir {
    let folder = tempdir().unwrap();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("config.json"), config).unwrap();
    let header = b"{}      ";
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    fs::write(own.join("model.safetensors"), bytes).unwrap();
    folder
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn classes_without_end_are_refused() {
    let coffee = photo("coffee.png");
    for count in [
        "0",
        "1000001",
        "1000000000",
        "9223372036854775807",
        "18446744073709551615",
    ] {
        for config in [
            format!(r#"{{"architecture": "resnet18", "num_classes": {count}}}"#),
            format!(r#"{{"architecture": "vgg11", "pretrained_cfg": {{"num_classes": {count}}}}}"#),
            format!(r#"{{"model_type": "clip", "projection_dim": {count}}}"#),
        ] {
            let folder = own(&config);
            run(&folder, &["layers", "own"]).refused(&["`num_classes` is", count]);
        }
    }
    // An allowed number of classes is compared with the weights before the classes get names.
    let folder = own(r#"{"architecture": "resnet18", "num_classes": 1000000}"#);
    for args in [
        &["layers", "own"][..],
        &["classify", &coffee, "--model", "own"],
    ] {
        run(&folder, args).refused(&["lack the parameter"]);
    }
}

#[test]
fn inputs_without_end_are_refused() {
    let coffee = photo("coffee.png");
    for size in ["[3, 65535, 65535]", "[3, 224, 4097]", "[3, 0, 224]"] {
        let config = format!(
            r#"{{"architecture": "resnet18", "pretrained_cfg": {{"input_size": {size}}}}}"#
        );
        let folder = own(&config);
        let words = ["`input_size`", "1 to 4096 pixels"];
        run(&folder, &["layers", "own"]).refused(&words);
        run(&folder, &["classify", &coffee, "--model", "own"]).refused(&words);
    }
    let folder = own(r#"{"model_type": "vit"}"#);
    let processor = folder.path().join("own/preprocessor_config.json");
    fs::write(processor, r#"{"size": {"height": 60000, "width": 60000}}"#).unwrap();
    run(&folder, &["layers", "own"]).refused(&["`input_size`", "60000"]);
    // Sizes that one network would need.
    for sizes in [
        r#""image_size": 4000000000, "patch_size": 4000000000"#,
        r#""hidden_size": 18446744073709551615"#,
        r#""num_hidden_layers": 1000000000"#,
    ] {
        let folder = own(&format!(
            r#"{{"model_type": "clip_vision_model", {sizes}}}"#
        ));
        run(&folder, &["layers", "own"]).refused(&["these sizes"]);
    }
}

#[test]
fn layers_of_large_inputs_are_shapes_alone() {
    let folder = tempdir().unwrap();
    for name in ["swin_tiny_patch4_window7_224", "vit_base_patch16_224"] {
        let args = ["layers", name, "--size", "8192"];
        run(&folder, &args).refused(&["the input is too large"]);
    }
    let known = run(&folder, &["layers", "resnet18", "--size", "8192"]);
    assert!(known.text().contains("512×256×256"), "{}", known.text());
    let swin = ["layers", "swin_tiny_patch4_window7_224", "--size", "1024"];
    assert!(run(&folder, &swin).text().contains("768×32×32"));
}

#[test]
fn what_is_no_file_is_no_model() {
    let coffee = photo("coffee.png");
    let description = r#"{"architecture": "resnet18"}"#;
    for name in [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ] {
        for is_pipe in [false, true] {
            let folder = own(description);
            let path = folder.path().join("own").join(name);
            drop(fs::remove_file(&path));
            let found = if is_pipe {
                pipe(&path);
                "it is a pipe"
            } else {
                symlink("/dev/zero", &path).unwrap();
                "it is a device"
            };
            for args in [
                &["layers", "own"][..],
                &["classify", &coffee, "--model", "own"],
            ] {
                run(&folder, args).refused(&[&format!("own/{name}"), found]);
            }
        }
    }
    // A sparse file claims more than it takes on the disk.
    for (name, length) in [("config.json", 1_u64 << 40), ("model.safetensors", 1 << 40)] {
        let folder = own(description);
        let file = fs::File::create(folder.path().join("own").join(name)).unwrap();
        file.set_len(length).unwrap();
        run(&folder, &["layers", "own"]).refused(&[name, "is longer than"]);
    }
}

#[test]
fn what_is_no_file_is_no_checkpoint() {
    let folder = tempdir().unwrap();
    pipe(&folder.path().join("pipe.pth"));
    symlink("/dev/zero", folder.path().join("zero.pth")).unwrap();
    fs::write(folder.path().join("empty.pth"), "").unwrap();
    for (file, word) in [
        ("pipe.pth", "it is a pipe"),
        ("zero.pth", "it is a device"),
        ("empty.pth", "an empty file"),
        ("none.pth", "No such file"),
    ] {
        run(&folder, &["import", file, "resnet18", "-o", "m"]).refused(&[file, word]);
    }
    let labels = [
        "import",
        "empty.pth",
        "resnet18",
        "-o",
        "m",
        "--labels",
        "/dev/zero",
    ];
    run(&folder, &labels).refused(&["/dev/zero", "it is a device"]);
    assert!(!folder.path().join("m").exists());
}

#[test]
fn records_and_cards_end() {
    let folder = tempdir().unwrap();
    pipe(&folder.path().join("pipe"));
    for name in ["/dev/zero", "pipe"] {
        let words = [name, "is not a regular file"];
        run(&folder, &["evaluate", "merge", name]).refused(&words);
        let words = [name, "expected a file"];
        run(&folder, &["card", "render", name, "-o", "out"]).refused(&words);
        run(&folder, &["card", "diff", name, name]).refused(&words);
    }
    // A line that does not end.
    fs::write(folder.path().join("line"), vec![b' '; 17 << 20]).unwrap();
    run(&folder, &["evaluate", "merge", "line"])
        .refused(&["line 1", "this is not a file of records"]);
}

#[test]
fn annotations_end() {
    for (name, is_pipe) in [
        ("instances_val.json", false),
        ("instances_val.json", true),
        ("train-images-idx3-ubyte", true),
    ] {
        let folder = tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        if is_pipe {
            pipe(&data.join(name))
        } else {
            symlink("/dev/zero", data.join(name)).unwrap()
        }
        for path in ["data".to_string(), format!("data/{name}")] {
            let run = run(&folder, &["data", "info", &path]);
            assert_eq!(run.code, Some(2), "{}", run.err);
        }
    }
}

#[test]
fn pictures_end() {
    let folder = tempdir().unwrap();
    let mut zeros = command(folder.path(), &["classify", "-", "--max-pixels", "1000000"]);
    zeros.stdin(fs::File::open("/dev/zero").unwrap());
    bounded(zeros).refused(&["`-`"]);
    run(&folder, &["classify", "/dev/zero"]).refused(&["`/dev/zero`"]);
    // A pipe that ends is a picture like any other.
    let mut shell = Command::new("bash");
    let gradcam = env!("CARGO_BIN_EXE_gradcam");
    let script = format!("{gradcam} classify <(cat {})", photo("coffee.png"));
    shell.args(["-c", &script]).current_dir(folder.path());
    assert!(bounded(shell).text().contains("espresso"));
}
