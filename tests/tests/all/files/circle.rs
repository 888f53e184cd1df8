//! Files that know each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Why a file knows another: a line and the path that stands there.
#[derive(Debug, Clone)]
pub(super) struct Reason {
    pub(super) line: usize,
    pub(super) path: String,
}

/// What each file knows.
pub(super) type Edges = BTreeMap<PathBuf, BTreeMap<PathBuf, Reason>>;

/// Files each of which knows all others, if not at first hand.
#[derive(Debug)]
pub(super) struct Circle {
    files: usize,
    /// A shortest way through some of them and back.
    steps: Vec<(PathBuf, PathBuf, Reason)>,
}

impl Circle {
    /// The circle in words, with names of files from `root` on.
    pub(super) fn relative_to(&self, root: &Path) -> String {
        let short = |path: &Path| {
            let path = path.strip_prefix(root).unwrap_or(path);
            path.display().to_string().replace('\\', "/")
        };
        let steps = self.steps.iter().map(|(from, to, Reason { line, path })| {
            format!("\n  {}:{line} knows {} by `{path}`", short(from), short(to))
        });
        let head = format!("{} files know each other", self.files);
        head + &steps.collect::<String>()
    }
}

/// The circles among files: one for each set of files that know each other.
pub(super) fn circles(edges: &Edges) -> Vec<Circle> {
    let reached: BTreeMap<&Path, BTreeMap<&Path, &Path>> = edges
        .keys()
        .map(|file| (file.as_path(), search(edges, file)))
        .collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for (file, after) in &reached {
        let both_ways = after.keys().filter(|to| {
            let back = reached.get(*to);
            back.is_some_and(|after| after.contains_key(file))
        });
        let files: BTreeSet<&Path> = both_ways.copied().collect();
        if files.is_empty() || !done.insert(files.clone()) {
            continue;
        }
        let ways = files.iter().map(|file| way_back(&reached[file], file));
        if let Some(way) = ways.min_by_key(Vec::len) {
            let pairs = way.iter().zip(way.iter().cycle().skip(1));
            let step = |(from, to): (&&Path, &&Path)| {
                (
                    from.to_path_buf(),
                    to.to_path_buf(),
                    edges[*from][*to].clone(),
                )
            };
            found.push(Circle {
                files: files.len(),
                steps: pairs.map(step).collect(),
            });
        }
    }
    found
}

/// The files that are reached from `start`, nearest first, each with the one before it; `start` itself if there is a way back.
fn search<'a>(edges: &'a Edges, start: &'a Path) -> BTreeMap<&'a Path, &'a Path> {
    let mut before = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for to in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !before.contains_key(to.as_path()) {
                before.insert(to.as_path(), file);
                queue.push_back(to);
            }
        }
    }
    before
}

/// The shortest way from `start` back to it, without its end.
fn way_back<'a>(before: &BTreeMap<&'a Path, &'a Path>, start: &'a Path) -> Vec<&'a Path> {
    let mut way = vec![before[start]];
    while way[way.len() - 1] != start {
        way.push(before[way[way.len() - 1]]);
    }
    way.reverse();
    way
}
