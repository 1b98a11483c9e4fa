//! Networks of images: windows of any shape, stride and padding, any number of channels, on any hardware.

use sterna_hdl::{Error, Options, lower};
use sterna_ir::bench::Stalls;
use sterna_ir::{Conv2d, Input, Layer, LayerOp, Network, Range, Threshold, Window};

use crate::random::{self, Draw, push};
use crate::{expect_equal, simulate};

/// Up to three layers of windows with thresholds between them, then maybe a dense layer and an arg max.
pub fn network(draw: &mut Draw) -> Network {
    let range = [Range::BIT, Range::new(0, 255), Range::new(-3, 4), Range::new(2, 3), Range::new(-2, 0)]
        [draw.within(0, 4) as usize];
    let mut image = [draw.within(1, 3) as usize, draw.within(1, 9) as usize, draw.within(1, 9) as usize];
    let input = Input { shape: image.to_vec(), range };
    let mut values = vec![range; input.elements()];
    let mut layers: Vec<Layer> = Vec::new();
    // Of each layer, what can be added to a later one.
    let mut images: Vec<[usize; 3]> = Vec::new();
    if draw.chance(20) {
        let thermometer = draw.chance(50);
        let t = threshold(draw, &values, image[0], thermometer);
        image[0] = t.outputs() / (image[1] * image[2]);
        push(&mut layers, LayerOp::Threshold(t), &input, &mut values);
    }
    for _ in 0..draw.within(1, 4) {
        images.resize(layers.len(), image);
        let pools = draw.chance(35);
        let window = window(draw, image, pools);
        let [height, width] = window.output();
        let op = match (pools, draw.chance(50)) {
            (true, true) => LayerOp::MaxPool(window),
            (true, false) => LayerOp::SumPool(window),
            _ => LayerOp::Conv2d(conv(draw, window)),
        };
        let outputs = if let LayerOp::Conv2d(c) = &op { c.outputs } else { image[0] };
        if !push(&mut layers, op, &input, &mut values) {
            break;
        }
        image = [outputs, height, width];
        images.resize(layers.len(), image);
        let alike: Vec<usize> = (0..layers.len()).filter(|layer| images[*layer] == image).collect();
        if draw.chance(60) {
            let from = alike[draw.within(0, alike.len() as i64 - 1) as usize];
            push(&mut layers, LayerOp::Add { from }, &input, &mut values);
        }
        images.resize(layers.len(), image);
        if draw.chance(75) {
            let thermometer = draw.chance(10);
            let t = threshold(draw, &values, image[0], thermometer);
            image[0] = t.outputs() / (height * width);
            push(&mut layers, LayerOp::Threshold(t), &input, &mut values);
        }
    }
    if draw.chance(60) {
        let outputs = draw.within(1, 6) as usize;
        let dense = random::dense(draw, values.len(), outputs);
        push(&mut layers, LayerOp::Dense(dense), &input, &mut values);
    }
    if draw.chance(50) {
        push(&mut layers, LayerOp::ArgMax, &input, &mut values);
    }
    Network { name: "images".into(), input, layers }
}

/// A max pool over whole images of this size.
pub fn of_pixels(channels: usize, height: usize, width: usize) -> Network {
    let input = [channels, height, width];
    let window = Window { input, kernel: [height, width], stride: [1, 1], padding: [0, 0] };
    let layers = vec![Layer { name: "pool".into(), op: LayerOp::MaxPool(window) }];
    Network { name: "pixels".into(), input: Input { shape: input.to_vec(), range: Range::BIT }, layers }
}

/// Any window that fits; pools have no padding.
fn window(draw: &mut Draw, input: [usize; 3], pools: bool) -> Window {
    let axis = |draw: &mut Draw, size: usize| {
        // A third keep the size of the image, so that sums of several layers come about.
        if !pools && draw.chance(33) {
            let padding = draw.within(0, 2) as usize;
            return (2 * padding + 1, 1, padding);
        }
        let kernel = draw.within(1, 5) as usize;
        let padding = if pools || draw.chance(40) { 0 } else { draw.within(0, kernel as i64 - 1) as usize };
        let kernel = kernel.min(size + 2 * padding);
        let stride = if draw.chance(30) { kernel } else { draw.within(1, 3) as usize };
        (kernel, stride, padding.min(kernel - 1))
    };
    let (tall, wide) = (axis(draw, input[1]), axis(draw, input[2]));
    Window { input, kernel: [tall.0, wide.0], stride: [tall.1, wide.1], padding: [tall.2, wide.2] }
}

fn conv(draw: &mut Draw, window: Window) -> Conv2d {
    let channels = window.input[0];
    let groups = if draw.chance(25) { channels } else { 1 };
    let outputs = groups * draw.within(1, if groups > 1 { 2 } else { 4 }) as usize;
    let inputs = channels / groups * window.kernel[0] * window.kernel[1];
    let dense = random::dense(draw, inputs, outputs);
    Conv2d { window, outputs, groups, weights: dense.weights, bias: dense.bias }
}

/// Thresholds of whole channels.
fn threshold(draw: &mut Draw, values: &[Range], channels: usize, thermometer: bool) -> Threshold {
    let positions = values.len() / channels;
    let whole = |values: &[Range]| values.iter().copied().reduce(Range::union).unwrap();
    let ranges: Vec<Range> = values.chunks_exact(positions).map(whole).collect();
    Threshold { positions, ..random::threshold(draw, &ranges, thermometer) }
}

/// Input beats of a whole pixel, or of a part that divides it.
fn options(draw: &mut Draw, network: &Network) -> Options {
    let lanes = draw.chance(30).then_some(1);
    Options { input_lanes: lanes, ..random::options(draw, network) }
}

#[test]
fn circuits_of_images_equal_their_networks_under_stalls() {
    let (mut wide, mut queues) = (0, 0);
    for seed in 0..300 {
        let mut draw = Draw::new(10_000 + seed);
        let network = network(&mut draw);
        let options = options(&mut draw, &network);
        let place = format!("seed {seed}, {options:?}, {network:?}");
        let design = match lower(&network, &options) {
            Ok(design) => design,
            Err(Error::TooWide { .. }) => {
                wide += 1;
                continue;
            }
            Err(error) => panic!("{place}: {error}"),
        };
        queues += design.netlist.nodes.iter().filter(|n| n.name == "queue_full").count();
        let samples = random::samples(&mut draw, &network, 4);
        for stalls in [Stalls::none(), Stalls::random(seed, 100), Stalls::random(seed, 200)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &place);
        }
    }
    assert!(wide < 30, "{wide} of 300 networks are too wide");
    assert!(queues > 20, "{queues} queues in 300 networks");
}

#[test]
fn a_vector_that_is_read_as_an_image_is_refused_by_name() {
    let mut network = of_pixels(1, 2, 2);
    let dense = random::dense(&mut Draw::new(1), 4, 4);
    network.layers.insert(0, Layer { name: "mix".into(), op: LayerOp::Dense(dense) });
    network.check().unwrap();
    let error = lower(&network, &Options::default()).unwrap_err().to_string();
    assert_eq!(error, "layer 1 (pool): no circuit is known for a pool over a vector");
}
