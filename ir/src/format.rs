//! The network file: JSON for structure, base64 for packed weights. `FORMAT.md` beside this crate is its specification.
//!
//! Reading never trusts a size: the claimed shape is compared with the length of the text that carries the weights before
//! anything is allocated. The same network always gives the same bytes.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    Conv2d, Dense, Error, Input, Layer, LayerOp, MAX_WEIGHTS, Network, Result, Task, Threshold, Window,
};

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

/// Weights as base64 text: five trits to a byte, or two bytes (little endian) to a weight.
#[derive(Serialize, Deserialize)]
#[serde(tag = "packing", content = "data", rename_all = "kebab-case")]
enum Packed {
    Trit5(String),
    I16(String),
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

fn pack(weights: &[i16], ternary: bool) -> Packed {
    if ternary {
        let byte = |trits: &[i16]| trits.iter().rev().fold(0u8, |b, &t| b * 3 + (t + 1) as u8);
        Packed::Trit5(BASE64_STANDARD.encode(weights.chunks(5).map(byte).collect::<Vec<u8>>()))
    } else {
        let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        Packed::I16(BASE64_STANDARD.encode(bytes))
    }
}

fn unpack(place: &str, packed: &Packed, inputs: usize, outputs: usize) -> Result<Vec<i16>> {
    let count = inputs.checked_mul(outputs).filter(|&n| n > 0 && n <= MAX_WEIGHTS);
    let count = count.ok_or_else(|| {
        Error::format(place, format!("{outputs} x {inputs} weights; want 1 to {MAX_WEIGHTS}"))
    })?;
    let (text, bytes) = match packed {
        Packed::Trit5(text) => (text, count.div_ceil(5)),
        Packed::I16(text) => (text, count * 2),
    };
    if text.len() != bytes.div_ceil(3) * 4 {
        let what =
            format!("{} characters; {outputs} x {inputs} weights take {}", text.len(), bytes.div_ceil(3) * 4);
        return Err(Error::format(place, what));
    }
    let data = BASE64_STANDARD.decode(text).map_err(|e| Error::format(place, format!("not base64: {e}")))?;
    if data.len() != bytes {
        return Err(Error::format(place, format!("{} bytes; want {bytes}", data.len())));
    }
    match packed {
        Packed::I16(_) => Ok(data.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()),
        Packed::Trit5(_) => {
            if let Some(i) = data.iter().position(|&b| b >= 243) {
                return Err(Error::format(
                    place,
                    format!("byte {i} is {}; five trits make at most 242", data[i]),
                ));
            }
            let trits = data.iter().flat_map(|&b| (0..5).map(move |i| (b / 3u8.pow(i) % 3) as i16 - 1));
            Ok(trits.take(count).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Range, Scaling};
    use proptest::prelude::*;

    fn network(weights: Vec<i16>, inputs: usize) -> Network {
        let outputs = weights.len() / inputs;
        let dense = Dense { inputs, outputs, weights, bias: vec![3; outputs] };
        let threshold = Threshold {
            channels: outputs,
            positions: 1,
            levels: 2,
            thresholds: [-1, 4].repeat(outputs),
            falling: (0..outputs).map(|c| c % 3 == 1).collect(),
            thermometer: false,
        };
        Network {
            name: "a \"strange\" name; with\nparts".into(),
            input: Input { shape: vec![inputs], range: Range::new(0, 255) },
            layers: vec![
                Layer { name: "fc1".into(), op: LayerOp::Dense(dense) },
                Layer { name: "act1".into(), op: LayerOp::Threshold(threshold) },
                Layer { name: "class".into(), op: LayerOp::ArgMax },
            ],
        }
    }

    fn task(network: &Network) -> Task {
        let elements = network.input.elements();
        let thirds = |start: f64| (0..elements).map(|i| start + i as f64 / 3.0).collect();
        Task {
            classes: (0..network.classes()).map(|c| format!("class {c}")).collect(),
            features: (0..elements).map(|e| format!("f{e}")).collect(),
            scaling: Some(Scaling { min: thirds(-0.1), max: thirds(1e30 / 7.0) }),
            digest: Some("00ff".into()),
            whole: true,
        }
    }

    /// A convolution with groups, pools, a residual and thresholds of whole channels.
    fn image() -> Network {
        let window = |input, kernel| Window { input, kernel: [kernel; 2], stride: [1, 2], padding: [0, 0] };
        let conv = Conv2d {
            window: Window { padding: [1, 1], ..window([2, 4, 5], 3) },
            outputs: 2,
            groups: 2,
            weights: (0..18).map(|i| i % 3 - 1).collect(),
            bias: vec![],
        };
        let threshold = Threshold {
            channels: 2,
            positions: 12,
            levels: 1,
            thresholds: vec![3, 5],
            falling: vec![],
            thermometer: false,
        };
        let ops = [
            LayerOp::Conv2d(conv),
            LayerOp::Threshold(threshold),
            LayerOp::Add { from: 0 },
            LayerOp::MaxPool(window([2, 4, 3], 2)),
            LayerOp::SumPool(window([2, 3, 1], 1)),
            LayerOp::ArgMax,
        ];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input { shape: vec![2, 4, 5], range: Range::new(0, 255) };
        Network { name: "image".into(), input, layers }
    }

    fn text() -> String {
        let network = network(vec![1, 0, -1, 1, 1, 0], 3);
        write(&network, &task(&network))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(inputs in 1usize..9, outputs in 2usize..7, wide: bool, seed: u64) {
            let limit = if wide { 3000 } else { 1 };
            let weight = |i: usize| (seed.wrapping_mul(i as u64 * 2 + 1) >> 20) as i64 % (2 * limit + 1) - limit;
            let weights = (0..inputs * outputs).map(|i| weight(i) as i16).collect();
            let mut net = network(weights, inputs);
            let task = task(&net);
            let text = write(&net, &task);
            if let LayerOp::Threshold(t) = &mut net.layers[1].op && !t.falling.contains(&true) { t.falling.clear(); }
            prop_assert_eq!(read(&text).unwrap(), (net, task));
        }

        #[test]
        fn a_cut_file_is_an_error(cut in 0usize..2000) {
            let text = text();
            if cut < text.len() - 1 { prop_assert!(read(&text[..cut]).is_err()); }
        }
    }

    #[track_caller]
    fn refused(from: &str, to: &str, message: &str) {
        refused_in(&text(), from, to, message);
    }

    #[track_caller]
    fn refused_in(text: &str, from: &str, to: &str, message: &str) {
        assert!(text.contains(from), "{from} not in {text}");
        let error = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn hostile_files_are_refused_with_the_place() {
        refused("\"version\": 1", "\"version\": 2", "version 2");
        refused("sterna-network", "other", "want \"sterna-network\"");
        refused("\"inputs\": 3", "\"inputs\": 1000000000", "layers[0].weights");
        refused("\"inputs\": 3", "\"inputs\": 18446744073709551615", "layers[0].weights");
        refused("\"inputs\": 3", "\"inputs\": 4", "takes 4 inputs");
        refused("\"type\": \"argmax\"", "\"type\": \"softmax\"", "softmax");
        refused("\"channels\": 2", "\"channels\": 99999999999", "layers[1].falling");
        refused("\"lo\": 0", "\"lo\": 300", "input.range");
        refused("\"levels\": 2", "\"levels\": 0", "thresholds per channel");
        refused("\"bias\": [", "\"bais\": [", "bais");
        refused("\"class 0\",", "", "task.classes");
        refused("\"f0\",", "", "task.features");
        refused("-0.1,", "", "task.scaling.min");
        refused("-0.1", "1e31", "task.scaling, element 0");
    }

    #[test]
    fn image_layers_are_read_as_written_and_hostile_ones_refused() {
        let text = write(&image(), &Task::default());
        assert_eq!(read(&text).unwrap().0, image());
        let refused = |from: &str, to: &str, message: &str| refused_in(&text, from, to, message);
        refused("\"groups\": 2", "\"groups\": 0", "layers[0].weights");
        refused("\"groups\": 2", "\"groups\": 1", "layers[0].weights");
        refused("\"outputs\": 2", "\"outputs\": 18446744073709551615", "layers[0].weights");
        refused(
            "\"kernel\": [\n        3,",
            "\"kernel\": [\n        18446744073709551615,",
            "layers[0].weights",
        );
        refused("\"padding\": [\n        1,", "\"padding\": [\n        18446744073709551615,", "padding");
        refused("\"stride\": [\n        1,", "\"stride\": [\n        0,", "stride of 0");
        refused("\"positions\": 12", "\"positions\": 11", "2 channels of 11");
        refused("\"positions\": 12", "\"positions\": 18446744073709551615", "2 channels of");
        refused("\"from\": 0", "\"from\": 7", "adds layer 7");
        refused("\"from\": 0", "\"from\": -1", "invalid value");
        refused("\"max-pool\"", "\"mean-pool\"", "mean-pool");
    }
}
