//! Runs that end early: by Ctrl-C, or because a reader goes away.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::tempdir;

use crate::binary::{Run, command, photo};

/// Sends SIGINT, as Ctrl-C does.
fn interrupt(child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
}

/// Makes `count` copies of a photo in the folder `photos`.
fn photos(folder: &Path, count: usize) {
    let photos = folder.join("photos");
    fs::create_dir(&photos).unwrap();
    for i in 0..count {
        fs::copy(photo("rocket.jpg"), photos.join(format!("{i:02}.jpg"))).unwrap();
    }
}

fn explain(folder: &Path) -> Child {
    let args = ["explain", "photos", "-o", "out", "--batch", "1"];
    let mut command = command(folder, &args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn an_interruption_says_so_and_has_its_own_status() {
    let folder = tempdir().unwrap();
    photos(folder.path(), 40);
    let mut child = explain(folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    interrupt(&child);
    assert!(lines.count() < 39);
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(130), "{}", run.err);
    for words in [
        "Ctrl-C again ends at once",
        "interrupted after",
        "of 40 images",
    ] {
        assert!(run.err.contains(words), "{}", run.err);
    }
    assert!(!run.err.contains("error:"), "{}", run.err);
}

#[test]
fn a_second_interruption_ends_at_once() {
    let folder = tempdir().unwrap();
    let picture = photo("rocket.jpg");
    let args = [
        "explain",
        &picture,
        "--method",
        "rise",
        "-v",
        "--threads",
        "1",
    ];
    let mut command = command(folder.path(), &args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    // The model is loaded, and the four thousand forward passes of the first picture begin.
    assert!(said.next().unwrap().unwrap().contains("sha256"));
    interrupt(&child);
    assert!(said.next().unwrap().unwrap().contains("finishing"));
    interrupt(&child);
    assert!(said.next().unwrap().unwrap().contains("interrupted"));
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.out.len()), (Some(130), 0), "{}", run.err);
}

/// Tests `gradcam explain photos | head -1`.
#[test]
fn a_reader_that_goes_away_leaves_a_rest_undone() {
    let folder = tempdir().unwrap();
    photos(folder.path(), 12);
    let mut child = explain(folder.path());
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "out/00.png\n");
    drop(reader);
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(141), "{}", run.err);
    assert!(
        run.err.contains("nobody reads standard output"),
        "{}",
        run.err
    );
    assert!(fs::read_dir(folder.path().join("out")).unwrap().count() < 12);
}
