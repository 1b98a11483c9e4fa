//! The integers of a network as arrays: `.npz` for NumPy, safetensors for everyone else.
//!
//! Arrays are named by the number and the name of their layer: `0.fc1.weight` (`[outputs, inputs]`, or `[outputs, channels,
//! height, width]` of a kernel; 8 bits where they suffice, else 16), `0.fc1.bias`, `1.act1.thresholds` (`[channels,
//! levels]`) and `1.act1.falling` (one 0 or 1 a channel), 64 bits each.

use std::io::{Cursor, Write};

use ndarray::ArrayD;
use ndarray_npy::WriteNpyExt;
use safetensors::tensor::{Dtype, TensorView};
use sterna_ir::{LayerOp, Network};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// An array of integers, row-major.
struct Array {
    name: String,
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Narrow(Vec<i8>),
    Medium(Vec<i16>),
    Wide(Vec<i64>),
}

/// All arrays, in order of the layers.
fn arrays(network: &Network) -> Vec<Array> {
    let mut all = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let mut push = |what: &str, shape: Vec<usize>, values| {
            // A slash would be a folder to those who unpack.
            let name =
                format!("{index}.{}.{what}", layer.name.replace(['/', '\\'], "_").trim_matches(['_', '.']));
            all.push(Array { name, shape, values });
        };
        let (shape, weights, bias) = match &layer.op {
            LayerOp::Dense(d) => (vec![d.outputs, d.inputs], &d.weights, &d.bias),
            LayerOp::Conv2d(c) => {
                let [height, width] = c.window.kernel;
                (vec![c.outputs, c.channels(), height, width], &c.weights, &c.bias)
            }
            LayerOp::Threshold(t) => {
                push("thresholds", vec![t.channels, t.levels], Values::Wide(t.thresholds.clone()));
                if t.falling.contains(&true) {
                    let falling = (0..t.channels).map(|c| t.is_falling(c).into()).collect();
                    push("falling", vec![t.channels], Values::Wide(falling));
                }
                continue;
            }
            LayerOp::MaxPool(_) | LayerOp::SumPool(_) | LayerOp::Add { .. } | LayerOp::ArgMax => continue,
        };
        let narrow: Option<Vec<i8>> = weights.iter().map(|w| i8::try_from(*w).ok()).collect();
        push("weight", shape, narrow.map_or_else(|| Values::Medium(weights.clone()), Values::Narrow));
        if !bias.is_empty() {
            push("bias", vec![bias.len()], Values::Wide(bias.clone()));
        }
    }
    all
}

/// The bytes of an `.npz`. The same network gives the same bytes.
pub fn npz(network: &Network) -> Vec<u8> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for Array { name, shape, values } in arrays(network) {
        const FITS: &str = "shapes are those of the network";
        let mut bytes = Vec::new();
        let written = match values {
            Values::Narrow(v) => ArrayD::from_shape_vec(shape, v).expect(FITS).write_npy(&mut bytes),
            Values::Medium(v) => ArrayD::from_shape_vec(shape, v).expect(FITS).write_npy(&mut bytes),
            Values::Wide(v) => ArrayD::from_shape_vec(shape, v).expect(FITS).write_npy(&mut bytes),
        };
        written.expect("memory takes every byte");
        zip.start_file(format!("{name}.npy"), options).expect("names differ by their numbers");
        zip.write_all(&bytes).expect("memory takes every byte");
    }
    zip.finish().expect("memory takes every byte").into_inner()
}

/// The bytes of a safetensors file. The same network gives the same bytes.
pub fn safetensors(network: &Network) -> Vec<u8> {
    let bytes = |values: &Values| match values {
        Values::Narrow(v) => (Dtype::I8, v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()),
        Values::Medium(v) => (Dtype::I16, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Values::Wide(v) => (Dtype::I64, v.iter().flat_map(|v| v.to_le_bytes()).collect()),
    };
    let arrays: Vec<(Array, (Dtype, Vec<u8>))> = arrays(network)
        .into_iter()
        .map(|a| {
            let b = bytes(&a.values);
            (a, b)
        })
        .collect();
    let views = arrays.iter().map(|(array, (dtype, data))| {
        let view =
            TensorView::new(*dtype, array.shape.clone(), data).expect("as many bytes as the shape says");
        (array.name.as_str(), view)
    });
    safetensors::serialize(views, None).expect("names differ by their numbers")
}
