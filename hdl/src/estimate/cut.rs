//! Cuts of a gate.

/// Most inputs of a table, those with multiplexers behind included.
pub const MOST: usize = 8;

/// Signals that determine a gate.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    leaves: [u32; MOST],
    len: u8,
    /// Its table's weight and a share of those before it.
    pub flow: f32,
    /// When the table's output is there.
    pub arrival: f32,
}

impl Cut {
    /// The gate by itself.
    pub fn of(gate: usize) -> Self {
        let mut leaves = [0; MOST];
        leaves[0] = gate as u32;
        Cut { leaves, len: 1, flow: 0.0, arrival: 0.0 }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// The signals, in order.
    pub fn leaves(&self) -> &[u32] {
        &self.leaves[..self.len as usize]
    }

    /// The union, where it has `most` leaves at most; leaves are in order.
    pub fn join(&self, other: &Cut, most: usize) -> Option<Cut> {
        let (a, b) = (self.leaves(), other.leaves());
        let mut cut = Cut { leaves: [0; MOST], len: 0, flow: 0.0, arrival: 0.0 };
        let (mut i, mut k) = (0, 0);
        while i < a.len() || k < b.len() {
            let next = match (a.get(i), b.get(k)) {
                (Some(x), Some(y)) => *x.min(y),
                (Some(x), None) | (None, Some(x)) => *x,
                (None, None) => unreachable!("one of them has a leaf left"),
            };
            i += usize::from(a.get(i) == Some(&next));
            k += usize::from(b.get(k) == Some(&next));
            if cut.len as usize == most {
                return None;
            }
            cut.leaves[cut.len as usize] = next;
            cut.len += 1;
        }
        Some(cut)
    }

    /// Whether every leaf of this one is one of `other`.
    pub fn is_within(&self, other: &Cut) -> bool {
        self.len <= other.len && self.leaves().iter().all(|leaf| other.leaves().contains(leaf))
    }
}
