//! Where in a layer's output an element is, in words.

use sterna_ir::{LayerOp, Network};

/// `channel 3, row 0, column 7` of an image, `neuron 12` of a vector; of the output of layer `layer`.
pub fn element(network: &Network, layer: usize, element: usize) -> String {
    match image(network, layer) {
        Some([height, width]) if height * width > 1 => {
            let (channel, position) = (element / (height * width), element % (height * width));
            format!("channel {channel}, row {}, column {}", position / width, position % width)
        }
        _ => format!("neuron {element}"),
    }
}

/// Height and width of the image that layer `layer` gives, if it gives one.
fn image(network: &Network, layer: usize) -> Option<[usize; 2]> {
    match &network.layers[layer].op {
        LayerOp::Conv2d(c) => Some(c.window.output()),
        LayerOp::MaxPool(w) | LayerOp::SumPool(w) => Some(w.output()),
        LayerOp::Add { from } => image(network, *from),
        LayerOp::Threshold(t) if t.positions > 1 => match layer.checked_sub(1) {
            Some(before) => image(network, before),
            None => network.input.shape.last_chunk().copied(),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_ir::{Input, Layer, Range, Threshold, Window};

    #[test]
    fn pixels_and_neurons_are_named() {
        let window = Window { input: [2, 4, 6], kernel: [2, 2], stride: [2, 2], padding: [0, 0] };
        let threshold = |channels: usize, positions: usize| {
            LayerOp::Threshold(Threshold {
                channels,
                positions,
                levels: 1,
                thresholds: vec![0; channels],
                falling: vec![],
                thermometer: false,
            })
        };
        let ops = [threshold(2, 24), LayerOp::MaxPool(window), threshold(2, 6), threshold(12, 1)];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input::new(vec![2, 4, 6], Range::BIT);
        let network = Network { name: "places".into(), input, layers };
        network.check().unwrap();
        let places: Vec<String> = (0..4).map(|layer| element(&network, layer, 10)).collect();
        let pooled = "channel 1, row 1, column 1";
        assert_eq!(places, ["channel 0, row 1, column 4", pooled, pooled, "neuron 10"]);
    }
}
