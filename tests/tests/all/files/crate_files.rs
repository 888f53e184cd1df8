//! The modules of a crate, and the dependencies between their files.

use std::path::{Path, PathBuf};

use super::circle::{Edges, Reason};
use super::module::{Child, Module};
use super::resolve::{Names, Target};

/// The modules of a crate, the root first.
pub(super) struct CrateFiles {
    files: Vec<PathBuf>,
    names: Names,
}

impl CrateFiles {
    /// Reads the file `root` and all its modules.
    pub(super) fn read(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Self {
        let text = read(root).unwrap_or_else(|| panic!("{}: no such file", root.display()));
        let mut all = CrateFiles {
            files: Vec::new(),
            names: Names::default(),
        };
        let folder = root.parent().unwrap_or(root);
        all.add(parsed(root, &text), root, folder, None, read);
        all
    }

    /// Adds a module whose children have their files in `folder`.
    fn add(
        &mut self,
        items: Vec<syn::Item>,
        file: &Path,
        folder: &Path,
        parent: Option<usize>,
        read: &dyn Fn(&Path) -> Option<String>,
    ) -> usize {
        let mut module = Module::new(&items);
        let children = std::mem::take(&mut module.children);
        let id = self.names.add(module, parent);
        self.files.push(file.to_path_buf());
        for Child { name, path, items } in children {
            let inside = folder.join(&name);
            let child = if let Some(items) = items {
                self.add(items, file, &inside, Some(id), read)
            } else {
                let beside = file.parent().unwrap_or(folder);
                let places = match path {
                    Some(path) => vec![beside.join(path)],
                    None => vec![folder.join(format!("{name}.rs")), inside.join("mod.rs")],
                };
                let found = places.iter().find_map(|place| Some((place, read(place)?)));
                let (place, text) =
                    found.unwrap_or_else(|| panic!("no file has the module {name} of {file:?}"));
                self.add(parsed(place, &text), place, &inside, Some(id), read)
            };
            self.names.child(id, name, child);
        }
        id
    }

    /// Returns each file's dependencies, with the first line that shows each.
    pub(super) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (id, file) in self.files.iter().enumerate() {
            let known = edges.entry(file.clone()).or_default();
            for mention in self.names.mentions(id) {
                for target in self.names.resolve(id, &mention.path) {
                    let other = match target {
                        Target::Type(other) | Target::Value(other) => &self.files[other],
                        // A module is only a place; the items taken from it count.
                        Target::Module(_) => continue,
                    };
                    if other != file {
                        known.entry(other.clone()).or_insert_with(|| Reason {
                            line: mention.line,
                            path: mention.path.join("::"),
                        });
                    }
                }
            }
        }
        edges
    }
}

fn parsed(file: &Path, text: &str) -> Vec<syn::Item> {
    let parsed = syn::parse_file(text);
    parsed
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .items
}
