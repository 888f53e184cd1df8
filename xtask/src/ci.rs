//! The checks that a change must pass, the cheapest first.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::EXE_SUFFIX;
use std::iter::Peekable;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{dist, downstream};

/// Runs all checks and stops at the first failure; `full` adds the slow tests, builds of the packages from their own files, the examples,
/// the downstream projects and the memory tests.
pub(crate) fn run(sh: &Shell, full: bool) -> Result<()> {
    step("format", || Ok(cmd!(sh, "cargo fmt --all --check").run()?))?;
    step("licences and versions", || dependencies(sh))?;
    step("lints", || {
        let cargo = cmd!(sh, "cargo clippy --workspace --all-targets -- -D warnings");
        Ok(cargo.run()?)
    })?;
    step("documentation", || {
        let cargo = cmd!(sh, "cargo doc --workspace --no-deps");
        cargo.env("RUSTDOCFLAGS", "-D warnings").run()?;
        links(sh)
    })?;
    step("tests", || {
        let mut cargo = cmd!(sh, "cargo test --workspace");
        if full {
            cargo = cargo.env("GRADCAM_SLOW_TESTS", "1");
        }
        Ok(cargo.run()?)
    })?;
    step("packages", || packages(sh, full))?;
    if full {
        step("examples", || examples(sh))?;
        step("downstream projects", || downstream::run(sh))?;
        step("memory", || memory(sh))?;
    }
    Ok(())
}

/// Examples that need files from the user.
const WITH_FILES: [&str; 1] = ["digits"];

/// Runs the crates' examples, which the tests have built.
fn examples(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo build --workspace --examples").run()?;
    let built = dist::target(sh).join("debug/examples");
    for folder in sh.read_dir("crates")? {
        let folder = folder.join("examples");
        if !sh.path_exists(&folder) {
            continue;
        }
        for source in sh.read_dir(folder)? {
            let name = source.file_stem().and_then(|stem| stem.to_str());
            let name = name.context("an example without a name")?;
            if !WITH_FILES.contains(&name) {
                let example = built.join(format!("{name}{EXE_SUFFIX}"));
                cmd!(sh, "{example}").run()?;
            }
        }
    }
    Ok(())
}

/// Checks the links of the crates' front pages against the pages that rustdoc has just made; rustdoc treats them as external.
fn links(sh: &Shell) -> Result<()> {
    let made = dist::target(sh).join("doc");
    let mut broken = Vec::new();
    for folder in sh.read_dir("crates")? {
        let page = folder.join("README.md");
        if !sh.path_exists(&page) {
            continue;
        }
        for link in own_links(&sh.read_file(&page)?) {
            let (path, part) = link.split_once('#').unwrap_or((link, ""));
            let found = sh.read_file(made.join(path));
            if !found.is_ok_and(|html| part.is_empty() || html.contains(&format!("id=\"{part}\"")))
            {
                broken.push(format!("`{link}` in {}", page.display()));
            }
        }
    }
    ensure!(broken.is_empty(), "no page found for {}", broken.join(", "));
    Ok(())
}

/// Extracts the paths of a page's docs.rs links to the workspace's crates, such as `gradcam_nn/trait.Pass.html#method.wants`.
fn own_links(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter_map(|line| {
        let (_, link) = line.split_once("https://docs.rs/gradcam")?;
        Some(link.split_once("/latest/")?.1)
    })
}

/// Packages each crate as for the registry; with `verify`, also builds it from the package alone.
fn packages(sh: &Shell, verify: bool) -> Result<()> {
    let verify: &[&str] = if verify { &[] } else { &["--no-verify"] };
    // Uncommitted changes are checked, too.
    let cargo = cmd!(
        sh,
        "cargo package --workspace --exclude gradcam-tests --exclude xtask --allow-dirty {verify...}"
    );
    Ok(cargo.run()?)
}

/// Runs the kernels' tests under valgrind, which knows AVX2 but not AVX-512, to find reads of uninitialised memory and reads out of bounds.
fn memory(sh: &Shell) -> Result<()> {
    let installed = cmd!(sh, "valgrind --version").quiet().ignore_stdout();
    if installed.run().is_err() {
        println!("valgrind is not installed; skipped");
        return Ok(());
    }
    let cargo = cmd!(
        sh,
        "cargo test --package gradcam-nn --lib kernels::tests -- --test-threads=1"
    );
    let runner = "valgrind --quiet --error-exitcode=9";
    let cargo = cargo.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", runner);
    // A case takes about a second.
    Ok(cargo.env("PROPTEST_CASES", "6").run()?)
}

/// Runs one check under its name and prints its duration.
fn step(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    let start = Instant::now();
    let result = check();
    let outcome = if result.is_ok() { "passed" } else { "failed" };
    println!(
        "== {name}: {outcome} in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    result.with_context(|| format!("the check `{name}` failed"))
}

/// Checks every dependency's licence, and crates with more than one version, against the lists in `.deny.toml`.
fn dependencies(sh: &Shell) -> Result<()> {
    let installed = cmd!(sh, "cargo deny --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr();
    if installed.run().is_ok() {
        return Ok(cmd!(sh, "cargo deny check --config .deny.toml licenses bans").run()?);
    }
    println!("cargo-deny is not installed; checking without it");
    let rules = sh.read_file(".deny.toml")?;
    let (allow, skip) = (list(&rules, "allow")?, list(&rules, "skip")?);
    let format = "{p}|{l}";
    let tree = cmd!(
        sh,
        "cargo tree --locked --workspace --target all --prefix none --format {format}"
    )
    .quiet()
    .read()?;
    let problems = problems(&tree, &allow, &skip)?;
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// Reads the quoted entries of the list `name`, which has one entry per line.
fn list<'a>(rules: &'a str, name: &str) -> Result<Vec<&'a str>> {
    let opening = format!("{name} = [");
    let found: Vec<&str> = rules
        .lines()
        .skip_while(|line| *line != opening)
        .skip(1)
        .take_while(|line| *line != "]")
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    ensure!(!found.is_empty(), "`.deny.toml` has no list `{name}`");
    Ok(found)
}

/// Lists the problems of the packages in the output of `cargo tree`, whose lines are `NAME vVERSION …|LICENCE`.
fn problems(tree: &str, allow: &[&str], skip: &[&str]) -> Result<Vec<String>> {
    let mut problems = BTreeSet::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let parts = line.split_once('|').and_then(|(package, license)| {
            let mut words = package.split(' ');
            Some((words.next()?, words.next()?, license))
        });
        let (name, version, license) =
            parts.with_context(|| format!("`cargo tree` printed `{line}`"))?;
        versions.entry(name).or_default().insert(version);
        // `cargo tree` marks packages that it printed before.
        let license = license.trim_end_matches(" (*)");
        if !allowed(license, allow) {
            problems.insert(format!("{name} {version} has the licence `{license}`"));
        }
    }
    for (name, versions) in versions {
        if versions.len() > 1 && !skip.contains(&name) {
            let versions: Vec<&str> = versions.into_iter().collect();
            problems.insert(format!("{name} comes as {}", versions.join(" and ")));
        }
    }
    Ok(problems.into_iter().collect())
}

/// Tells whether the licences in `allow` satisfy an SPDX expression; the old form `A/B` means `A OR B`.
fn allowed(expression: &str, allow: &[&str]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allow);
    met == Some(true) && words.next().is_none()
}

/// Parses `all (OR all)*`; `None` if the text breaks the grammar.
fn any<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>, allow: &[&str]) -> Option<bool> {
    let mut met = all(words, allow)?;
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allow)?;
    }
    Some(met)
}

/// Parses `one (AND one)*`, which binds more tightly than `OR`.
fn all<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>, allow: &[&str]) -> Option<bool> {
    let mut met = one(words, allow)?;
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allow)?;
    }
    Some(met)
}

/// Parses a licence, optionally `WITH` an exception, or an expression in parentheses.
fn one<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>, allow: &[&str]) -> Option<bool> {
    match words.next()? {
        "(" => {
            let met = any(words, allow)?;
            words.next_if_eq(&")").map(|_| met)
        }
        ")" | "OR" | "AND" | "WITH" => None,
        license => match words.next_if_eq(&"WITH") {
            None => Some(allow.contains(&license)),
            Some(_) => {
                let whole = format!("{license} WITH {}", words.next()?);
                Some(allow.contains(&whole.as_str()))
            }
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_as_spdx_defines_them() {
        let allow = ["MIT", "Unicode-3.0", "ISC"];
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT/Apache-2.0", true),
            ("Apache-2.0 AND ISC", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND GPL-2.0-only", false),
            ("GPL-2.0-only AND ISC OR MIT", true),
            ("MIT AND (ISC OR GPL-2.0-only", false),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("MIT WITH LLVM-exception", false),
            ("MIT ISC", false),
            ("", false),
        ] {
            assert_eq!(allowed(expression, &allow), expected, "{expression}");
        }
    }

    #[test]
    fn each_bad_package_is_named_once() {
        let tree = "a v1.0.0|MIT\nb v0.1.0 (proc-macro)|GPL-3.0-only\n\nb v0.1.0|GPL-3.0-only (*)\na v2.0.0|MIT\nc v1.0.0|\n";
        assert_eq!(
            problems(tree, &["MIT"], &[]).unwrap(),
            [
                "a comes as v1.0.0 and v2.0.0",
                "b v0.1.0 has the licence `GPL-3.0-only`",
                "c v1.0.0 has the licence ``",
            ]
        );
        assert_eq!(
            problems("a v1|MIT\na v2|MIT", &["MIT"], &["a"]).unwrap(),
            [""; 0]
        );
    }

    #[test]
    fn links_are_found() {
        let page = "A [`Pass`] and more.\n\n[`Pass`]: https://docs.rs/gradcam-nn/latest/gradcam_nn/trait.Pass.html#method.wants\n\
                    [`image`]: https://docs.rs/image/latest/image/index.html\n";
        let links: Vec<&str> = own_links(page).collect();
        assert_eq!(links, ["gradcam_nn/trait.Pass.html#method.wants"]);
    }

    #[test]
    fn the_committed_lists_are_read() {
        let rules = include_str!("../../.deny.toml");
        assert!(list(rules, "allow").unwrap().contains(&"MIT"));
        assert!(list(rules, "skip").unwrap().contains(&"syn"));
        assert!(list(rules, "absent").is_err());
    }
}
