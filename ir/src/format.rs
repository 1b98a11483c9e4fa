//! The network file: JSON for structure, base64 for packed weights. `FORMAT.md` beside this crate is its specification.
//!
//! Reading never trusts a size: the claimed shape is compared with the length of the text that carries the weights before
//! anything is allocated. The same network always gives the same bytes.

mod packed;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::packed::{Packed, pack, unpack};
use crate::{Conv2d, Dense, Error, Input, Layer, LayerOp, Network, Result, Task, Threshold, Window};

/// The version this program writes, and the only one it reads.
pub const VERSION: u64 = 1;
const MAGIC: &str = "sterna-network";

/// Header alone: read first, so that a file of another version is refused before its body is looked at.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u64,
    name: String,
    input: Input,
    layers: Vec<FileLayer>,
    #[serde(default, skip_serializing_if = "Task::is_empty")]
    task: Task,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum FileLayer {
    Dense {
        name: String,
        inputs: usize,
        outputs: usize,
        weights: Packed,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bias: Vec<i64>,
    },
    Conv2d {
        name: String,
        input: [usize; 3],
        outputs: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
        weights: Packed,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bias: Vec<i64>,
    },
    MaxPool {
        name: String,
        input: [usize; 3],
        kernel: [usize; 2],
        stride: [usize; 2],
    },
    SumPool {
        name: String,
        input: [usize; 3],
        kernel: [usize; 2],
        stride: [usize; 2],
    },
    Add {
        name: String,
        from: usize,
    },
    Threshold {
        name: String,
        channels: usize,
        #[serde(default = "one", skip_serializing_if = "is_one")]
        positions: usize,
        levels: usize,
        thresholds: Vec<i64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        falling: Vec<usize>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        thermometer: bool,
    },
    #[serde(rename = "argmax")]
    ArgMax {
        name: String,
    },
}

fn one() -> usize {
    1
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

/// The text of a network file, ending in a newline.
pub fn write(network: &Network, task: &Task) -> String {
    let layers = network.layers.iter().map(to_file).collect();
    let file = File {
        format: MAGIC.into(),
        version: VERSION,
        name: network.name.clone(),
        input: network.input.clone(),
        layers,
        task: task.clone(),
    };
    let mut text = serde_json::to_string_pretty(&file).expect("a network has only string keys");
    text.push('\n');
    text
}

/// Whether a file looks like a network, damaged or of another version perhaps.
pub fn is_network(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(200)];
    String::from_utf8_lossy(start).contains(MAGIC)
}

/// Reads the text of a network file and checks [the network](Network::check) and [its task](Task::check).
pub fn read(text: &str) -> Result<(Network, Task)> {
    let header: Header =
        serde_json::from_str(text).map_err(|e| Error::format("file", format!("not a network file: {e}")))?;
    if header.format != MAGIC {
        return Err(Error::format("format", format!("{:.40?}; want {MAGIC:?}", header.format)));
    }
    if header.version != VERSION {
        return Err(Error::Version { found: header.version, known: VERSION });
    }
    let file: File = serde_json::from_str(text).map_err(|e| Error::format("file", e.to_string()))?;
    let layers =
        file.layers.into_iter().enumerate().map(|(i, layer)| from_file(i, layer)).collect::<Result<_>>()?;
    let network = Network { name: file.name, input: file.input, layers };
    network.check()?;
    file.task.check(&network)?;
    Ok((network, file.task))
}

fn to_file(layer: &Layer) -> FileLayer {
    let name = layer.name.clone();
    match &layer.op {
        LayerOp::Dense(d) => FileLayer::Dense {
            name,
            inputs: d.inputs,
            outputs: d.outputs,
            weights: pack(&d.weights, d.is_ternary()),
            bias: d.bias.clone(),
        },
        LayerOp::Conv2d(c) => {
            let Window { input, kernel, stride, padding } = c.window;
            let weights = pack(&c.weights, c.is_ternary());
            let (outputs, groups, bias) = (c.outputs, c.groups, c.bias.clone());
            FileLayer::Conv2d { name, input, outputs, kernel, stride, padding, groups, weights, bias }
        }
        LayerOp::MaxPool(w) => {
            FileLayer::MaxPool { name, input: w.input, kernel: w.kernel, stride: w.stride }
        }
        LayerOp::SumPool(w) => {
            FileLayer::SumPool { name, input: w.input, kernel: w.kernel, stride: w.stride }
        }
        LayerOp::Add { from } => FileLayer::Add { name, from: *from },
        LayerOp::Threshold(t) => FileLayer::Threshold {
            name,
            channels: t.channels,
            positions: t.positions,
            levels: t.levels,
            thresholds: t.thresholds.clone(),
            falling: (0..t.channels).filter(|&c| t.is_falling(c)).collect(),
            thermometer: t.thermometer,
        },
        LayerOp::ArgMax => FileLayer::ArgMax { name },
    }
}

fn from_file(index: usize, layer: FileLayer) -> Result<Layer> {
    Ok(match layer {
        FileLayer::Dense { name, inputs, outputs, weights, bias } => {
            let weights = unpack(&format!("layers[{index}].weights"), &weights, inputs, outputs)?;
            Layer { name, op: LayerOp::Dense(Dense { inputs, outputs, weights, bias }) }
        }
        FileLayer::Conv2d { name, input, outputs, kernel, stride, padding, groups, weights, bias } => {
            let place = format!("layers[{index}].weights");
            let channels = input[0].checked_div(groups).unwrap_or(0);
            let sizes = [kernel[0], kernel[1]];
            let fan_in = sizes.iter().try_fold(channels, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
            let weights = unpack(&place, &weights, fan_in, outputs)?;
            let window = Window { input, kernel, stride, padding };
            Layer { name, op: LayerOp::Conv2d(Conv2d { window, outputs, groups, weights, bias }) }
        }
        FileLayer::MaxPool { name, input, kernel, stride } => {
            Layer { name, op: LayerOp::MaxPool(Window { input, kernel, stride, padding: [0, 0] }) }
        }
        FileLayer::SumPool { name, input, kernel, stride } => {
            Layer { name, op: LayerOp::SumPool(Window { input, kernel, stride, padding: [0, 0] }) }
        }
        FileLayer::Add { name, from } => Layer { name, op: LayerOp::Add { from } },
        FileLayer::Threshold { name, channels, positions, levels, thresholds, falling, thermometer } => {
            let place = format!("layers[{index}].falling");
            if channels > thresholds.len() {
                return Err(Error::format(
                    place,
                    format!("{channels} channels but {} thresholds", thresholds.len()),
                ));
            }
            let mut flags = vec![false; if falling.is_empty() { 0 } else { channels }];
            for c in falling {
                let flag = flags.get_mut(c);
                *flag.ok_or_else(|| Error::format(&place, format!("channel {c} of {channels}")))? = true;
            }
            Layer {
                name,
                op: LayerOp::Threshold(Threshold {
                    channels,
                    positions,
                    levels,
                    thresholds,
                    falling: flags,
                    thermometer,
                }),
            }
        }
        FileLayer::ArgMax { name } => Layer { name, op: LayerOp::ArgMax },
    })
}
