//! Reads PyTorch's pickles as data: no class is instantiated and no function runs.
//!
//! The operations are those of Python's `pickletools`. The few names that a state dict needs are known (`torch._utils` and
//! `torch.serialization` of PyTorch 2), and some that checkpoints keep beside it are ignored. Every other name is refused, as by
//! `torch.load(weights_only=True)`. Objects lie in one list and refer to each other by index, so that neither memory nor the stack outgrows
//! the number of bytes.

use std::collections::HashMap;
use std::sync::Arc;

/// The index of an object.
pub(super) type Id = usize;

/// An object of the pickle.
#[derive(Debug)]
pub(super) enum Node {
    /// Anything that a state dict does not need: fractional numbers, sets, results of ignored names.
    Other,
    Int(i64),
    Text(Arc<str>),
    /// A tuple or a list.
    Row(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or a function, `MODULE.NAME`.
    Name(String),
    // Boxed, so that the many small objects of a hostile pickle take little memory.
    Storage(Box<Storage>),
    Tensor(Box<Stored>),
}

/// A storage, which holds the numbers of tensors.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    /// PyTorch's class without `torch.`, such as `FloatStorage`.
    pub(super) kind: String,
    /// The storage's file in the archive.
    pub(super) key: Arc<str>,
}

/// A tensor's layout in its storage, in elements.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Why a pickle is refused.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// The pickle names a class or function that no state dict needs.
    Unknown(String),
    /// The pickle breaks the rules at this byte.
    Broken { at: usize, reason: String },
}

/// The most dimensions of a tensor; a convolution's weights in three dimensions have five.
const DIMENSIONS: usize = 8;

/// Names that checkpoints use beside the state dict, for options, paths, a best accuracy, the state of a schedule.
const PASSED_OVER: [&str; 24] = [
    "_codecs.encode",
    "argparse.Namespace",
    "builtins.bytearray",
    "builtins.set",
    "builtins.slice",
    "__builtin__.set",
    "collections.Counter",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "torch.Size",
    "torch.Tensor",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "torch._C._TensorBase",
    "torch.serialization._get_layout",
];

/// Functions and classes that create dictionaries.
const DICTS: [&str; 3] = [
    "collections.OrderedDict",
    "collections.defaultdict",
    "builtins.dict",
];
const TENSOR: &str = "torch._utils._rebuild_tensor_v2";
const PARAMETER: &str = "torch._utils._rebuild_parameter";
const SUBCLASS: &str = "torch._tensor._rebuild_from_type_v2";

fn is_known(name: &str) -> bool {
    let is_type = |name: &str| {
        let plain = name.strip_prefix("torch.").unwrap_or(".");
        // Storages, and number types such as `float32`.
        plain.ends_with("Storage") && !plain.contains('.')
            || [
                "float", "bfloat", "int", "uint", "bool", "half", "double", "long",
            ]
            .iter()
            .any(|kind| plain.starts_with(kind) && !plain.contains(['.', '_']))
    };
    [TENSOR, PARAMETER, SUBCLASS].contains(&name)
        || DICTS.contains(&name)
        || PASSED_OVER.contains(&name)
        || is_type(name)
}

/// The objects of a pickle.
#[derive(Debug)]
pub(super) struct Objects {
    nodes: Vec<Node>,
    root: Id,
}

impl Objects {
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Returns the object that the pickle stands for.
    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// Returns a dictionary's value under a text key.
    pub(super) fn get(&self, dict: Id, key: &str) -> Option<Id> {
        let Node::Dict(entries) = self.node(dict) else {
            return None;
        };
        let found = entries
            .iter()
            .rev()
            .find(|(name, _)| matches!(self.node(*name), Node::Text(text) if **text == *key));
        found.map(|&(_, value)| value)
    }
}

/// Reads a pickle.
pub(super) fn read(bytes: &[u8]) -> Result<Objects, Fault> {
    let mut machine = Machine {
        bytes,
        at: 0,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    match machine.run() {
        Ok(root) => Ok(Objects {
            nodes: machine.nodes,
            root,
        }),
        Err(Stop::Unknown(name)) => Err(Fault::Unknown(name)),
        Err(Stop::Broken(reason)) => Err(Fault::Broken {
            at: machine.at,
            reason,
        }),
    }
}

/// Why the machine stops.
enum Stop {
    Unknown(String),
    Broken(String),
}

type Step<T> = Result<T, Stop>;

fn broken<T>(reason: &str) -> Step<T> {
    Err(Stop::Broken(reason.to_string()))
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Stack heights of the marks.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: u64) -> Step<&'a [u8]> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let end = self.at.checked_add(count);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += count;
                Ok(bytes)
            }
            None => broken("it ends too early"),
        }
    }

    /// Reads an unsigned number of `count` bytes, up to 8.
    fn number(&mut self, count: u64) -> Step<u64> {
        let bytes = self.take(count)?.iter().rev();
        Ok(bytes.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self, count: u64) -> Step<String> {
        match std::str::from_utf8(self.take(count)?) {
            Ok(text) => Ok(text.to_string()),
            Err(_) => broken("a text is not UTF-8"),
        }
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.bytes[self.at..];
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(length) => {
                let line = self.text(length as u64)?;
                self.at += 1;
                Ok(line.trim_end_matches('\r').to_string())
            }
            None => broken("a name has no end"),
        }
    }

    fn push(&mut self, node: Node) -> Step<()> {
        self.nodes.push(node);
        self.stack.push(self.nodes.len() - 1);
        Ok(())
    }

    fn pop(&mut self) -> Step<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.pop() {
            Some(id) if self.stack.len() >= floor => Ok(id),
            _ => broken("nothing is left on the stack"),
        }
    }

    fn top(&self) -> Step<Id> {
        match self.stack.last() {
            Some(&id) => Ok(id),
            None => broken("nothing is left on the stack"),
        }
    }

    fn last(&mut self, count: usize) -> Step<Vec<Id>> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.pop()?);
        }
        ids.reverse();
        Ok(ids)
    }

    /// Pops everything above the last mark.
    fn marked(&mut self) -> Step<Vec<Id>> {
        match self.marks.pop() {
            Some(height) if height <= self.stack.len() => Ok(self.stack.split_off(height)),
            _ => broken("a mark is missing"),
        }
    }

    fn pairs(&mut self) -> Step<Vec<(Id, Id)>> {
        let ids = self.marked()?;
        match ids.len() % 2 {
            0 => Ok(ids.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()),
            _ => broken("a key has no value"),
        }
    }

    fn name(&mut self, module: &str, name: &str) -> Step<()> {
        let whole = format!("{module}.{name}");
        if is_known(&whole) {
            self.push(Node::Name(whole))
        } else {
            Err(Stop::Unknown(whole))
        }
    }

    fn run(&mut self) -> Step<Id> {
        loop {
            let operation = self.take(1)?[0];
            match operation {
                b'.' => return self.pop(),
                // The protocol number; frames matter only to stream readers.
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.marked()?),
                b'2' => self.stack.push(self.top()?),
                b'N' | 0x88 | 0x89 => self.push(Node::Other)?,
                b'K' => self.whole(1)?,
                b'M' => self.whole(2)?,
                b'J' => {
                    let number = self.number(4)? as u32 as i32;
                    self.push(Node::Int(number.into()))?;
                }
                0x8a => {
                    let count = self.number(1)?;
                    self.long(count)?;
                }
                0x8b => {
                    let count = self.number(4)?;
                    self.long(count)?;
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Node::Other)?;
                }
                b'X' | b'T' => self.words(4)?,
                0x8c | b'U' => self.words(1)?,
                0x8d => self.words(8)?,
                b'C' => self.skipped(1)?,
                b'B' => self.skipped(4)?,
                0x8e | 0x96 => self.skipped(8)?,
                b')' | b']' => self.push(Node::Row(Vec::new()))?,
                b't' | b'l' => {
                    let ids = self.marked()?;
                    self.push(Node::Row(ids))?;
                }
                0x85..=0x87 => {
                    let ids = self.last(usize::from(operation - 0x84))?;
                    self.push(Node::Row(ids))?;
                }
                b'a' => {
                    let id = self.pop()?;
                    self.extend(&[id])?;
                }
                b'e' | 0x90 => {
                    let ids = self.marked()?;
                    self.extend(&ids)?;
                }
                0x8f => self.push(Node::Other)?,
                0x91 => {
                    self.marked()?;
                    self.push(Node::Other)?;
                }
                b'}' => self.push(Node::Dict(Vec::new()))?,
                b'd' => {
                    let pairs = self.pairs()?;
                    self.push(Node::Dict(pairs))?;
                }
                b's' => {
                    let pair = self.last(2)?;
                    self.insert(&[(pair[0], pair[1])])?;
                }
                b'u' => {
                    let pairs = self.pairs()?;
                    self.insert(&pairs)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.name(&module, &name)?;
                }
                0x93 => {
                    let ids = self.last(2)?;
                    let (Node::Text(module), Node::Text(name)) =
                        (&self.nodes[ids[0]], &self.nodes[ids[1]])
                    else {
                        return broken("a name is not a text");
                    };
                    let (module, name) = (module.clone(), name.clone());
                    self.name(&module, &name)?;
                }
                b'R' | 0x81 => {
                    let ids = self.last(2)?;
                    self.call(ids[0], ids[1])?;
                }
                0x92 => {
                    let ids = self.last(3)?;
                    self.call(ids[0], ids[1])?;
                }
                // The state of an object; for a state dict, its `_metadata`.
                b'b' => drop(self.pop()?),
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(Node::Storage(Box::new(storage)))?;
                }
                b'q' => self.remember(1)?,
                b'r' => self.remember(4)?,
                0x94 => {
                    let id = self.top()?;
                    self.memo.insert(self.memo.len() as u64, id);
                }
                b'h' => self.recall(1)?,
                b'j' => self.recall(4)?,
                other => {
                    return broken(&format!(
                        "the operation {other:#04x} is not one of PyTorch's"
                    ));
                }
            }
        }
    }

    fn whole(&mut self, count: u64) -> Step<()> {
        let number = self.number(count)?;
        self.push(Node::Int(number as i64))
    }

    /// Reads a number in two's complement; no tensor needs one of more than 8 bytes.
    fn long(&mut self, count: u64) -> Step<()> {
        if count > 8 {
            self.take(count)?;
            return self.push(Node::Other);
        }
        let number = self.number(count)?;
        let unused = 64 - 8 * count as u32;
        let number = match count {
            0 => 0,
            _ => (number << unused) as i64 >> unused,
        };
        self.push(Node::Int(number))
    }

    fn words(&mut self, width: u64) -> Step<()> {
        let count = self.number(width)?;
        let text = self.text(count)?;
        self.push(Node::Text(text.into()))
    }

    fn skipped(&mut self, width: u64) -> Step<()> {
        let count = self.number(width)?;
        self.take(count)?;
        self.push(Node::Other)
    }

    fn extend(&mut self, ids: &[Id]) -> Step<()> {
        let id = self.top()?;
        match &mut self.nodes[id] {
            Node::Row(row) => row.extend(ids),
            Node::Other => {}
            _ => return broken("something is added to an object that is not a list"),
        }
        Ok(())
    }

    fn insert(&mut self, pairs: &[(Id, Id)]) -> Step<()> {
        let id = self.top()?;
        match &mut self.nodes[id] {
            Node::Dict(entries) => entries.extend(pairs),
            Node::Other => {}
            _ => return broken("something is put into an object that is not a dictionary"),
        }
        Ok(())
    }

    fn remember(&mut self, width: u64) -> Step<()> {
        let key = self.number(width)?;
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, width: u64) -> Step<()> {
        let key = self.number(width)?;
        match self.memo.get(&key) {
            Some(&id) => self.stack.push(id),
            None => return broken("an object is recalled that was never stored"),
        }
        Ok(())
    }

    /// Interprets a function call or the creation of an instance, without running anything.
    fn call(&mut self, callable: Id, arguments: Id) -> Step<()> {
        let (Node::Name(name), Node::Row(arguments)) =
            (&self.nodes[callable], &self.nodes[arguments])
        else {
            return match &self.nodes[callable] {
                Node::Other => self.push(Node::Other),
                _ => broken("something is called that is not a function"),
            };
        };
        match (name.as_str(), arguments.as_slice()) {
            (TENSOR, &[storage, offset, shape, strides, ..]) => {
                let tensor = self.tensor(storage, offset, shape, strides)?;
                self.push(Node::Tensor(Box::new(tensor)))
            }
            (PARAMETER, &[tensor, ..]) => {
                self.stack.push(tensor);
                Ok(())
            }
            (SUBCLASS, &[function, _, arguments, ..]) if function != callable => {
                // The function is one of the others; its result counts.
                match &self.nodes[function] {
                    Node::Name(name) if name != SUBCLASS => self.call(function, arguments),
                    _ => broken("a tensor's class is not made by a function"),
                }
            }
            (TENSOR | PARAMETER | SUBCLASS, _) => broken("a tensor's parts are missing"),
            (name, _) if DICTS.contains(&name) => self.push(Node::Dict(Vec::new())),
            _ => self.push(Node::Other),
        }
    }

    /// Reads `('storage', CLASS, KEY, PLACE, COUNT)`.
    fn storage(&self, id: Id) -> Step<Storage> {
        let wrong = || broken("a storage is not described in PyTorch's way");
        let Node::Row(parts) = &self.nodes[id] else {
            return wrong();
        };
        let &[_, class, key, ..] = parts.as_slice() else {
            return wrong();
        };
        match (&self.nodes[class], &self.nodes[key]) {
            (Node::Name(class), Node::Text(key)) => Ok(Storage {
                kind: class.trim_start_matches("torch.").to_string(),
                key: key.clone(),
            }),
            _ => wrong(),
        }
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Step<Stored> {
        let Node::Storage(storage) = &self.nodes[storage] else {
            return broken("a tensor has no storage");
        };
        let size = |id: Id| match self.nodes[id] {
            Node::Int(number) => {
                usize::try_from(number).or_else(|_| broken("a tensor's size is below zero"))
            }
            _ => broken("a tensor's size is not a number"),
        };
        let sizes = |id: Id| match &self.nodes[id] {
            Node::Row(row) if row.len() > DIMENSIONS => broken("a tensor has too many dimensions"),
            Node::Row(row) => row.iter().map(|&id| size(id)).collect::<Step<Vec<_>>>(),
            _ => broken("a tensor has no shape"),
        };
        let (shape, strides) = (sizes(shape)?, sizes(strides)?);
        if shape.len() != strides.len() {
            return broken("a tensor's shape and strides differ in length");
        }
        Ok(Stored {
            storage: Storage::clone(storage),
            offset: size(offset)?,
            shape,
            strides,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_not_made() {
        // os.system("true")
        let pickle = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.";
        let fault = read(pickle).unwrap_err();
        assert_eq!(fault, Fault::Unknown("os.system".into()));
        // The same, with names from the stack.
        let pickle = b"\x80\x04\x8c\x05posix\x8c\x06system\x93.";
        let fault = read(pickle).unwrap_err();
        assert_eq!(fault, Fault::Unknown("posix.system".into()));
    }

    #[test]
    fn numbers_are_those_of_python() {
        for (pickle, number) in [
            (&b"K\xff."[..], 255),
            (b"M\x00\x01.", 256),
            (b"J\xfe\xff\xff\xff.", -2),
            (b"\x8a\x00.", 0),
            (b"\x8a\x01\xff.", -1),
            (b"\x8a\x02\x00\x01.", 256),
            (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", i64::MIN),
        ] {
            let objects = read(pickle).unwrap();
            assert!(matches!(objects.node(objects.root()), Node::Int(n) if *n == number));
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for pickle in [
            &b""[..],
            b".",
            b"\x80",
            b"R.",
            b"(.",
            b"((u.",
            b"K\x01(u.",
            b"}(Nu.",
            b"Ns.",
            b"h\x00.",
            b"\x8a\xff\x01.",
            b"X\xff\xff\xff\xff.",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
            b"NQ.",
            b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
            b"K\x01K\x02R.",
            b"\xff.",
        ] {
            assert!(
                matches!(read(pickle), Err(Fault::Broken { .. })),
                "{pickle:?}"
            );
        }
        // Lists nested a million times, and one that doubles with each step.
        let deep = [
            vec![b']'; 1],
            [b"\x85".repeat(1 << 20), b".".to_vec()].concat(),
        ]
        .concat();
        assert!(read(&deep).is_ok());
        let doubling = [
            b"N".to_vec(),
            b"q\x00h\x00\x86".repeat(1 << 12),
            b".".to_vec(),
        ]
        .concat();
        assert!(read(&doubling).is_ok());
    }
}
