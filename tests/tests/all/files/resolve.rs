//! Resolves a path to the module that defines its item, as the compiler does.

use std::collections::{HashMap, HashSet};

use super::module::{Meaning, Mention, Module};

/// The meaning of a path, with a module's number: the module meant, or the one that defines the item.
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

/// The kind of meaning that a lookup wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    /// A module or a type, which has names inside.
    Scope,
    /// Anything with the name.
    Any,
}

/// Names being looked up: a name that leads to itself ends there.
type Asked = HashSet<(usize, String, Wanted)>;

impl Names {
    /// Adds a module and returns its number.
    pub(super) fn add(&mut self, module: Module, parent: Option<usize>) -> usize {
        self.modules.push(module);
        self.parents.push(parent);
        self.modules.len() - 1
    }

    /// Records that the module `parent` has the module `child`.
    pub(super) fn child(&mut self, parent: usize, name: String, child: usize) {
        self.children.insert((parent, name), child);
    }

    pub(super) fn mentions(&self, module: usize) -> &[Mention] {
        &self.modules[module].mentions
    }

    /// Resolves `path` in the module `at`: no result if it is local or of another crate, several if a name has several meanings.
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
                // A macro may have defined a name that the source does not show.
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

    /// Looks up `name` in the module `at`; `None` if the module has no such name.
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
