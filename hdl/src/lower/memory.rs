//! Vectors in memories: nodes side by side in words that block RAMs offer.

use sterna_ir::build::Builder;
use sterna_ir::netlist::NodeId;

/// Bits of a memory word: what block RAMs of most families offer at once.
pub const WORD: u32 = 36;

/// Memories of `depth` vectors: `nodes` are written at one enable and address, and read back at another, one clock edge
/// later; signed ones as whole words.
pub fn stored(
    b: &mut Builder,
    depth: usize,
    (write, to): (NodeId, NodeId),
    (read, from): (NodeId, NodeId),
    nodes: &[NodeId],
    name: &str,
) -> Vec<NodeId> {
    let mut back = Vec::with_capacity(nodes.len());
    let mut rest = nodes;
    while !rest.is_empty() {
        let mut width = 0;
        let fits = rest.iter().take_while(|node| {
            width += b.range(**node).width();
            width <= WORD
        });
        let (word, after) = rest.split_at(fits.count().max(1));
        rest = after;
        let name = if word.len() == nodes.len() { name.into() } else { format!("{name}_{}", back.len()) };
        if let [node] = word {
            let memory = b.ram(depth, write, to, *node, name.as_str());
            back.push(b.read(memory, from, Some(read), format!("{name}_q")));
            continue;
        }
        let packed = b.concat(word, format!("{name}_word"));
        let memory = b.ram(depth, write, to, packed, name.as_str());
        let out = b.read(memory, from, Some(read), format!("{name}_q"));
        let mut lo = 0;
        for node in word {
            let range = b.range(*node);
            let bits = b.slice(out, lo, range.width(), format!("{name}_{lo}"));
            let signed = |b: &mut Builder| b.wrap(bits, range, format!("{name}_{lo}_signed"));
            back.push(if range.is_signed() { signed(b) } else { bits });
            lo += range.width();
        }
    }
    back
}
