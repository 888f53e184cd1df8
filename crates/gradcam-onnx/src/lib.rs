#![doc = include_str!("../README.md")]

mod attributes;
mod decode;
mod element;
mod error;
mod external;
mod graph;
mod host;
mod inline;
mod limits;
mod lower;
mod model;
mod names;
mod network;
mod opset;
mod options;
mod order;
mod paths;
mod plan;
mod proto;
mod read;
mod reason;
mod shape;
mod tensor;
mod wire;

pub use element::ElementType;
pub use error::{Error, Refused, Result};
pub use gradcam_picture::bounded::ReadError;
pub use graph::{Attribute, Declared, Graph, Node, ValueKind};
pub use limits::Limits;
pub use model::Model;
pub use network::{Cut, ImageInput, OnnxNetwork};
pub use options::{Input, Options};
pub use read::{from_bytes, read};
pub use shape::{Dim, Shape};
pub use tensor::{Tensor, Values};
