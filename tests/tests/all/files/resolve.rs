//! The module that defines what a path stands for, as the compiler finds it.

use std::collections::{HashMap, HashSet};

use super::module::{Meaning, Mention, Module};

/// What a path stands for, with the number of a module: of the one meant, or of the one that defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Module(usize),
    Type(usize),
    Value(usize),
}

/// The names of all modules of a crate, the root's first.
#[derive(Default)]
pub(super) struct Names {
    modules: Vec<Module>,
    parents: Vec<Option<usize>>,
    children: HashMap<(usize, String), usize>,
}

/// What of a name is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    /// What has names inside: a module or a type.
    Scope,
    /// Whatever has the name.
    Any,
}

/// Names that are being looked up: one that leads to itself ends there.
type Asked = HashSet<(usize, String, Wanted)>;

impl Names {
    /// Adds a module and returns its number.
    pub(super) fn add(&mut self, module: Module, parent: Option<usize>) -> usize {
        self.modules.push(module);
        self.parents.push(parent);
        self.modules.len() - 1
    }

    /// Notes that the module `parent` has the module `child`.
    pub(super) fn child(&mut self, parent: usize, name: String, child: usize) {
        self.children.insert((parent, name), child);
    }

    pub(super) fn mentions(&self, module: usize) -> &[Mention] {
        &self.modules[module].mentions
    }

    /// What `path` stands for in the module `at`: nothing if it is of another crate or local, several where a name has several meanings.
    pub(super) fn resolve(&self, at: usize, path: &[String]) -> Vec<Target> {
        self.follow(at, path, Wanted::Any, &mut Asked::new())
    }

    fn follow(&self, at: usize, path: &[String], wanted: Wanted, asked: &mut Asked) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let parent = |of: usize| self.parents[of].map(Target::Module).into_iter().collect();
        let before = |rest: &[String]| match rest {
            [] => wanted,
            [_, ..] => Wanted::Scope,
        };
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(at)],
            "super" => parent(at),
            name => self
                .look_up(at, name, before(rest), asked)
                .unwrap_or_default(),
        };
        for (i, name) in rest.iter().enumerate() {
            let wanted = before(&rest[i + 1..]);
            let inside = found.into_iter().flat_map(|target| match target {
                Target::Module(module) if name == "super" => parent(module),
                // A macro may have made a name that is not there to see.
                Target::Module(module) => self
                    .look_up(module, name, wanted, asked)
                    .unwrap_or_else(|| vec![Target::Type(module)]),
                Target::Type(_) => vec![target],
                Target::Value(_) => Vec::new(),
            });
            found = inside.collect();
        }
        found
    }

    /// What `name` stands for in the module `at`; `None` if the module has no such name.
    fn look_up(
        &self,
        at: usize,
        name: &str,
        wanted: Wanted,
        asked: &mut Asked,
    ) -> Option<Vec<Target>> {
        if !asked.insert((at, name.to_string(), wanted)) {
            return Some(Vec::new());
        }
        let module = &self.modules[at];
        let found = if let Some(meanings) = module.names.get(name) {
            let targets = meanings.iter().flat_map(|meaning| match meaning {
                Meaning::Child => {
                    let child = self.children.get(&(at, name.to_string()));
                    child
                        .map(|child| Target::Module(*child))
                        .into_iter()
                        .collect()
                }
                Meaning::Type => vec![Target::Type(at)],
                Meaning::Value if wanted == Wanted::Scope => Vec::new(),
                Meaning::Value => vec![Target::Value(at)],
                Meaning::Path(path) => self.follow(at, path, wanted, asked),
            });
            Some(targets.collect())
        } else {
            let globs = module.globs.iter();
            let places: Vec<Target> = globs
                .flat_map(|glob| self.follow(at, glob, Wanted::Scope, asked))
                .collect();
            places.into_iter().find_map(|place| match place {
                Target::Module(place) if asked.contains(&(place, name.to_string(), wanted)) => None,
                Target::Module(place) => self.look_up(place, name, wanted, asked),
                Target::Type(_) | Target::Value(_) => None,
            })
        };
        asked.remove(&(at, name.to_string(), wanted));
        found
    }
}
