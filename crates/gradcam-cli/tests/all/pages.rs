//! Manual pages and completions.

use std::collections::BTreeSet;

use tempfile::tempdir;

use crate::binary::{files, gradcam};

/// Returns the pages that a page names: `gradcam-explain(1)`.
fn named(page: &str) -> BTreeSet<String> {
    let plain = page
        .replace("\\-", "-")
        .replace("\\fR", "")
        .replace("\\fB", "");
    let words = plain.split(|c: char| c.is_whitespace() || c == ',');
    let words = words.filter_map(|word| word.split_once("(1)"));
    words.map(|(name, _)| format!("{name}.1")).collect()
}

#[test]
fn every_page_that_is_named_is_there() {
    let folder = tempdir().unwrap();
    let run = gradcam(folder.path(), &["man", "-o", "pages"]);
    let pages = files(&folder.path().join("pages"));
    assert_eq!(run.text().lines().count(), pages.len());
    for page in ["gradcam.1", "gradcam-explain.1", "gradcam-evaluate-merge.1"] {
        assert!(pages.iter().any(|p| p == page), "{pages:?}");
    }
    let mut links = 0;
    for page in &pages {
        let text = std::fs::read_to_string(folder.path().join("pages").join(page)).unwrap();
        let title = page.trim_end_matches(".1");
        assert!(text.contains(&format!(".TH {title} 1")), "{page}");
        for name in named(&text) {
            assert!(pages.contains(&name), "{page} names {name}");
            links += 1;
        }
    }
    assert!(
        links >= pages.len() - 1,
        "{links} links, {} pages",
        pages.len()
    );
    // Existing pages are replaced only on request.
    gradcam(folder.path(), &["man", "-o", "pages"]).refused(&["exists", "--force"]);
    gradcam(folder.path(), &["man", "-o", "pages", "--force"]).text();
    let some = gradcam(folder.path(), &["man", "data", "-o", "some"]);
    assert_eq!(some.text().lines().count(), 4, "{}", some.text());
}

#[test]
fn one_page_is_printed() {
    let folder = tempdir().unwrap();
    let page = |args: &[&str]| gradcam(folder.path(), &[&["man"], args].concat());
    assert!(page(&[]).text().contains(".TH gradcam 1"));
    let explain = page(&["explain"]);
    assert!(explain.text().contains(".TH gradcam-explain 1"));
    assert!(explain.text().contains("counterfactual"));
    let merge = page(&["evaluate", "merge"]);
    assert!(merge.text().contains(".TH gradcam-evaluate-merge 1"));
    page(&["explian"]).refused(&["no command `explian`", "`explain`"]);
    page(&["explain", "x"]).refused(&["no command `x`"]);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn completions_know_the_values() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = gradcam(folder.path(), &["completions", shell]);
        let script = script.text();
        for word in [
            "side-by-side",
            "squash",
            "tanh",
            "tf32",
            "viridis",
            "lanczos3",
            "hires-cam",
            "mean-mask",
            "pasted",
        ] {
            let known = script.contains(word);
            // PowerShell's and elvish's scripts complete no values.
            assert!(
                known || ["powershell", "elvish"].contains(&shell),
                "{shell}: {word}"
            );
        }
    }
}

/// Runs in bash itself, if there is one.
#[cfg(unix)]
#[test]
fn bash_completes_values_and_offers_no_files_for_names() {
    let folder = tempdir().unwrap();
    let script = gradcam(folder.path(), &["completions", "bash"]);
    std::fs::write(folder.path().join("script"), script.text()).unwrap();
    let complete = |words: &[&str]| -> Option<String> {
        let line = r#"source ./script; COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _gradcam gradcam "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null; echo "${COMPREPLY[*]}""#;
        let mut bash = std::process::Command::new("bash");
        bash.current_dir(folder.path()).args(["-c", line, "bash"]);
        let output = bash.args(words).output().ok()?;
        Some(String::from_utf8(output.stdout).unwrap().trim().to_string())
    };
    let Some(views) = complete(&["gradcam", "explain", "--view", ""]) else {
        return;
    };
    assert_eq!(views, "overlay heatmap side-by-side contour boxes");
    for (words, expected) in [
        (&["gradcam", "explain", "--colormap", "vi"][..], "viridis"),
        (&["gradcam", "explain", "--method", "hires"], "hires-cam"),
        (&["gradcam", "compare", "--methods", "finer"], "finer-cam"),
        (
            &["gradcam", "evaluate", "--metrics", "pointing-c"],
            "pointing-class-mean",
        ),
        (&["gradcam", "evaluate", "--nulls", "mean"], "mean-mask"),
        (
            &["gradcam", "explain", "--interpolation", "lan"],
            "lanczos3",
        ),
        (&["gradcam", "explain", "--fusion", ""], "mean max tanh"),
        (&["gradcam", "explain", "--fit", ""], "crop squash none"),
        (
            &["gradcam", "evaluate", "--precision", ""],
            "f32 tf32 f16 bf16",
        ),
        (&["gradcam", "explain", "--layer", ""], ""),
        (&["gradcam", "explain", "--set", ""], ""),
    ] {
        assert_eq!(complete(words).unwrap(), expected, "{words:?}");
    }
}
