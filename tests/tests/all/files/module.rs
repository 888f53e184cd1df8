//! The names that a module's source defines, and the paths that it uses.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Ident, ImplItem, Item, Lit, Meta, Token, UseTree};

/// The meaning of a name in a module.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    /// A child module of this name.
    Child,
    /// A type or a trait, which has its own names.
    Type,
    /// A function, a constant, a static or a macro.
    Value,
    /// The meaning of another path.
    Path(Vec<String>),
}

/// A path in the source.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
}

/// A module inside another.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: String,
    /// `#[path = "…"]`.
    pub(super) path: Option<String>,
    /// The module's items if they are in the same file.
    pub(super) items: Option<Vec<Item>>,
}

/// A module's own source, without items compiled only for tests.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) names: HashMap<String, Vec<Meaning>>,
    /// The paths of `use …::*`.
    pub(super) globs: Vec<Vec<String>>,
    pub(super) mentions: Vec<Mention>,
    pub(super) children: Vec<Child>,
}

impl Module {
    pub(super) fn new(items: &[Item]) -> Self {
        let mut module = Module::default();
        for item in items {
            module.visit_item(item);
        }
        module
    }

    fn name(&mut self, name: &Ident, meaning: Meaning) {
        let meanings = self.names.entry(name.to_string()).or_default();
        meanings.push(meaning);
    }

    fn mention(&mut self, first: &Ident, path: Vec<String>) {
        let line = first.span().start().line;
        self.mentions.push(Mention { line, path });
    }

    /// Adds one `use`, whose path so far is `before`.
    fn uses(&mut self, tree: &UseTree, mut before: Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.uses(&path.tree, before);
            }
            UseTree::Name(name) => self.import(&name.ident, &name.ident, before),
            UseTree::Rename(rename) => self.import(&rename.ident, &rename.rename, before),
            // For a module, its names count; for an enum, that it is used.
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                let path = before.clone();
                self.mentions.push(Mention { line, path });
                self.globs.push(before);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.uses(tree, before.clone());
                }
            }
        }
    }

    /// Adds `use before::of as name`, where `of` may be `self`.
    fn import(&mut self, of: &Ident, name: &Ident, mut before: Vec<String>) {
        let known_as = if of == "self" && name == "self" {
            before.last().cloned().unwrap_or_default()
        } else {
            name.to_string()
        };
        if of != "self" || before.is_empty() {
            before.push(of.to_string());
        }
        self.mention(of, before.clone());
        let meanings = self.names.entry(known_as).or_default();
        meanings.push(Meaning::Path(before));
    }

    /// Adds the paths of several words in a macro's tokens, and the items that the macro defines.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Option<(Ident, Vec<String>)> = None;
        let mut colons = 0;
        let mut made = None;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if let Some(meaning) = made.take() {
                        self.name(&word, meaning);
                    }
                    made = made_by(&word);
                    match &mut path {
                        Some((_, words)) if colons == 2 => words.push(word.to_string()),
                        _ => self.end(path.replace((word.clone(), vec![word.to_string()]))),
                    }
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(path.take());
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.end(path.take());
                    made = None;
                }
            }
        }
        self.end(path);
    }

    fn end(&mut self, path: Option<(Ident, Vec<String>)>) {
        if let Some((first, words)) = path.filter(|(_, words)| words.len() > 1) {
            self.mention(&first, words);
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name, meaning) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident), Meaning::Value),
            Item::Enum(item) => (&item.attrs, Some(&item.ident), Meaning::Type),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident), Meaning::Value),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref(), Meaning::Value),
            Item::Mod(item) => (&item.attrs, Some(&item.ident), Meaning::Child),
            Item::Static(item) => (&item.attrs, Some(&item.ident), Meaning::Value),
            Item::Struct(item) => (&item.attrs, Some(&item.ident), Meaning::Type),
            Item::Trait(item) => (&item.attrs, Some(&item.ident), Meaning::Type),
            Item::Type(item) => (&item.attrs, Some(&item.ident), Meaning::Type),
            Item::Union(item) => (&item.attrs, Some(&item.ident), Meaning::Type),
            Item::Impl(item) => (&item.attrs, None, Meaning::Type),
            Item::Use(item) => (&item.attrs, None, Meaning::Type),
            Item::ForeignMod(item) => (&item.attrs, None, Meaning::Type),
            other => panic!("an item that this test does not know: {other:?}"),
        };
        if for_tests(attributes) {
            return;
        }
        if let Some(name) = name {
            self.name(name, meaning);
        }
        match item {
            Item::Use(item) => self.uses(&item.tree, Vec::new()),
            Item::Mod(item) => self.children.push(Child {
                name: item.ident.to_string(),
                path: path_attribute(&item.attrs),
                items: item.content.as_ref().map(|(_, items)| items.clone()),
            }),
            item => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            other => panic!("an item that this test does not know: {other:?}"),
        };
        if !for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let words = path.segments.iter().map(|s| s.ident.to_string());
            self.mention(&path.segments[0].ident, words.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, used: &'ast syn::Macro) {
        self.visit_path(&used.path);
        self.tokens(used.tokens.clone());
    }

    // `pub(crate)` and the input of derives do not use items.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// Returns the meaning of the word after a keyword in a macro.
fn made_by(keyword: &Ident) -> Option<Meaning> {
    match keyword.to_string().as_str() {
        "enum" | "struct" | "trait" | "type" | "union" => Some(Meaning::Type),
        "const" | "fn" | "static" => Some(Meaning::Value),
        _ => None,
    }
}

/// Tells whether there is a `#[cfg(test)]`, perhaps with further conditions.
fn for_tests(attributes: &[Attribute]) -> bool {
    let mut conditions = attributes.iter().filter(|a| a.path().is_ident("cfg"));
    conditions.any(|condition| condition.parse_args().is_ok_and(|meta| wants_test(&meta)))
}

fn wants_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|all| all.iter().any(wants_test)),
        Meta::List(_) | Meta::NameValue(_) => false,
    }
}

/// Returns the file that `#[path = "…"]` names.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let value = &attribute.meta.require_name_value().ok()?.value;
        match value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) if attribute.path().is_ident("path") => Some(text.value()),
            _ => None,
        }
    })
}
