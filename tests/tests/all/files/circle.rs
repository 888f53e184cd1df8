//! Files that depend on each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// The reason for a dependency: a line and the path in it.
#[derive(Debug, Clone)]
pub(super) struct Reason {
    pub(super) line: usize,
    pub(super) path: String,
}

/// The dependencies of each file.
pub(super) type Edges = BTreeMap<PathBuf, BTreeMap<PathBuf, Reason>>;

/// Files that all depend on each other, directly or indirectly.
#[derive(Debug)]
pub(super) struct Circle {
    files: usize,
    /// A shortest circle through some of them.
    steps: Vec<(PathBuf, PathBuf, Reason)>,
}

impl Circle {
    /// Describes the circle, with file names relative to `root`.
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

/// Finds the circles among files: one for each set of files that depend on each other.
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

/// Searches breadth-first from `start`. Maps each file reached to its predecessor; includes `start` if a path leads back to it.
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

/// Returns the shortest path from `start` back to itself, without its end.
fn way_back<'a>(before: &BTreeMap<&'a Path, &'a Path>, start: &'a Path) -> Vec<&'a Path> {
    let mut way = vec![before[start]];
    while way[way.len() - 1] != start {
        way.push(before[way[way.len() - 1]]);
    }
    way.reverse();
    way
}
