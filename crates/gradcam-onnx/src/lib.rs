#![doc = include_str!("../README.md")]

mod decode;
mod element;
mod error;
mod external;
mod graph;
mod inline;
mod limits;
mod model;
mod names;
mod opset;
mod order;
mod proto;
mod read;
mod shape;
mod tensor;
mod wire;

pub use element::ElementType;
pub use error::{Error, Result};
pub use gradcam_picture::bounded::ReadError;
pub use graph::{Attribute, Declared, Graph, Node, ValueKind};
pub use limits::Limits;
pub use model::Model;
pub use read::{from_bytes, read};
pub use shape::{Dim, Shape};
pub use tensor::{Tensor, Values};
