//! How much a file may ask for, counted over its bytes before anything is decoded: an empty message takes two bytes of a file
//! but hundreds of memory.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::{Error, Result};

/// Most messages, names and attributes of a file: some fifty times those of the largest networks in use.
const MOST_PARTS: usize = 1 << 18;

/// The messages of `onnx.proto` that hold others.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Shape,
    /// Holds no messages.
    Leaf,
}

impl Kind {
    /// What field `tag` is made of, where each value of it is allocated by itself.
    fn field(self, tag: u32) -> Option<Kind> {
        Some(match (self, tag) {
            (Kind::Model, 7) => Kind::Graph,
            (Kind::Model, 8 | 14) | (Kind::Node, 1 | 2) | (Kind::Tensor, 13) | (Kind::Shape, 1) => Kind::Leaf,
            (Kind::Graph, 1) => Kind::Node,
            (Kind::Graph, 5) | (Kind::Attribute, 5) => Kind::Tensor,
            (Kind::Graph, 11 | 12) => Kind::Value,
            (Kind::Node, 5) => Kind::Attribute,
            (Kind::Value, 2) => Kind::Type,
            (Kind::Type, 1) => Kind::TensorType,
            (Kind::TensorType, 2) => Kind::Shape,
            _ => return None,
        })
    }
}

/// Refuses bytes that would decode to more parts than any network has.
pub fn check(bytes: &[u8]) -> Result<()> {
    let mut left = MOST_PARTS;
    count(bytes, Kind::Model, &mut left)
}

fn count(mut bytes: &[u8], kind: Kind, left: &mut usize) -> Result<()> {
    let broken = |e: prost::DecodeError| Error::Format(e.to_string());
    while !bytes.is_empty() {
        let (tag, wire) = decode_key(&mut bytes).map_err(broken)?;
        let Some(inner) = kind.field(tag).filter(|_| wire == WireType::LengthDelimited) else {
            skip_field(wire, tag, &mut bytes, DecodeContext::default()).map_err(broken)?;
            continue;
        };
        let length = decode_varint(&mut bytes).map_err(broken)?;
        let Some(part) = usize::try_from(length).ok().and_then(|n| bytes.split_at_checked(n)) else {
            return Err(Error::Format(format!("a message of {length} bytes where {} are left", bytes.len())));
        };
        *left = left
            .checked_sub(1)
            .ok_or_else(|| Error::Format(format!("more than {MOST_PARTS} nodes, tensors and names")))?;
        if !matches!(inner, Kind::Leaf) {
            count(part.0, inner, left)?;
        }
        bytes = part.1;
    }
    Ok(())
}
