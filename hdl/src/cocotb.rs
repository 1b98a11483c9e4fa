//! A cocotb test of a printed design, with its vectors in a file beside it.

use std::fmt::Write;

use crate::verilog::{Emitted, SourceFile};

/// The test: the same for every design, since it reads the manifest and the vectors.
const TEST: &str = include_str!("cocotb.py");

/// `<top>_cocotb.py` and `<top>_vectors.json`, which belong beside the manifest. `samples` and `expected` hold one vector per
/// sample, in element order, as those of [`crate::testbench::testbench`], which checks that they fit.
pub fn cocotb(emitted: &Emitted, samples: &[Vec<i64>], expected: &[Vec<i64>]) -> [SourceFile; 2] {
    let (test, vectors) = (format!("{}_cocotb.py", emitted.top), format!("{}_vectors.json", emitted.top));
    let sources: Vec<&str> = emitted.files.iter().map(|f| f.name.as_str()).collect();
    let text = format!(
        "{{\n\"sources\": {sources:?},\n\"samples\": {},\n\"results\": {}\n}}\n",
        lines(samples),
        lines(expected)
    );
    [
        SourceFile { text: TEST.replace("python FILE", &format!("python {test}")), name: test },
        SourceFile { name: vectors, text },
    ]
}

/// Vectors as a JSON array, one to a line.
fn lines(vectors: &[Vec<i64>]) -> String {
    let mut out = String::from("[");
    for (index, vector) in vectors.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(out, "{comma}\n{vector:?}");
    }
    out + "\n]"
}
