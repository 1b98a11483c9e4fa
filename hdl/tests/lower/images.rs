//! Networks of images: windows of any shape, stride and padding, any number of channels, on any hardware.

use sterna_hdl::{Error, Folding, Options, Style, lower};
use sterna_ir::bench::Stalls;
use sterna_ir::{Conv2d, Input, Layer, LayerOp, Network, Range, Threshold, Window};

use crate::random::{self, Draw, push};
use crate::{expect_equal, simulate};

/// Up to three layers of windows with thresholds between them, then maybe a dense layer and an arg max.
pub fn network(draw: &mut Draw) -> Network {
    let of = [Range::BIT, Range::new(0, 255), Range::new(-3, 4), Range::new(2, 3), Range::new(-2, 0)];
    let mut image = [draw.within(1, 3) as usize, draw.within(1, 9) as usize, draw.within(1, 9) as usize];
    let input = Input::new(image.to_vec(), random::ranges(draw, &of, image[0]));
    let mut values = input.of_elements();
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
    Network { name: "pixels".into(), input: Input::new(input.to_vec(), Range::BIT), layers }
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
pub fn options(draw: &mut Draw, network: &Network) -> Options {
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

/// Two convolutions of about the same load around a pool, so that pixels wait in front of the second one.
#[test]
fn rows_that_wait_pass_unchanged_under_stalls() {
    let mut waiting = 0;
    for (image, channels, outputs) in [([1, 14, 14], 6, 8), ([2, 12, 10], 4, 9), ([1, 11, 13], 5, 7)] {
        let window = |input: [usize; 3], kernel: usize, stride: usize| Window {
            input,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [0, 0],
        };
        let conv = |window: Window, outputs: usize| {
            let weights = (0..window.input[0] * 9 * outputs).map(|i| [1, -1][i % 2]).collect();
            LayerOp::Conv2d(Conv2d { window, outputs, groups: 1, weights, bias: vec![] })
        };
        let first = window(image, 3, 1);
        let [height, width] = first.output();
        let pool = window([channels, height, width], 2, 2);
        let [height, width] = pool.output();
        let second = window([channels, height, width], 3, 1);
        let ops = [conv(first, channels), LayerOp::MaxPool(pool), conv(second, outputs)];
        let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
        let input = Input::new(image.to_vec(), Range::signed(4));
        let network = Network { name: "rows".into(), input, layers };
        let folding = Folding::PerLayer(vec![Style::Folded { pes: 1 }; 2]);
        let design = lower(&network, &Options { folding, ..Options::default() }).unwrap();
        waiting += design.netlist.nodes.iter().filter(|n| n.name == "queue_moved").count();
        let samples = random::samples(&mut Draw::new(30_000), &network, 4);
        for stalls in [Stalls::none(), Stalls::random(1, 60), Stalls::random(2, 200)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &format!("{network:?}"));
        }
    }
    assert!(waiting > 0, "no stream waits");
}

/// A depthwise convolution, a pointwise one and a mean over the whole image, as in MobileNet (Howard et al. 2017), in every
/// style.
#[test]
fn depthwise_convolutions_and_global_pools_equal_their_networks() {
    let mut draw = Draw::new(40_000);
    let conv = |draw: &mut Draw, input: [usize; 3], kernel: usize, outputs: usize, groups: usize| {
        let padding = [kernel / 2; 2];
        let window = Window { input, kernel: [kernel; 2], stride: [1, 1], padding };
        let fan_in = input[0] / groups * kernel * kernel;
        let weights = (0..fan_in * outputs).map(|_| draw.within(-1, 1) as i16).collect();
        LayerOp::Conv2d(Conv2d { window, outputs, groups, weights, bias: vec![] })
    };
    let whole = Window { input: [8, 6, 7], kernel: [6, 7], stride: [1, 1], padding: [0, 0] };
    let codes = |draw: &mut Draw, channels: usize| {
        let thresholds = (0..channels).flat_map(|_| [-2, draw.within(-1, 1), 3]).collect();
        LayerOp::Threshold(Threshold {
            channels,
            positions: 42,
            levels: 3,
            thresholds,
            falling: vec![],
            thermometer: false,
        })
    };
    let ops = [
        conv(&mut draw, [4, 6, 7], 3, 4, 4),
        codes(&mut draw, 4),
        conv(&mut draw, [4, 6, 7], 1, 8, 1),
        codes(&mut draw, 8),
        LayerOp::SumPool(whole),
        LayerOp::Dense(random::dense(&mut draw, 8, 5)),
        LayerOp::ArgMax,
    ];
    let layers = ops.into_iter().map(|op| Layer { name: "layer".into(), op }).collect();
    let input = Input::new(vec![4, 6, 7], Range::signed(4));
    let network = Network { name: "separable".into(), input, layers };
    let samples = random::samples(&mut draw, &network, 6);
    let folded = |pes| Style::Folded { pes };
    let dense = |pes| Style::Dense { pes };
    for styles in [
        [Style::Unrolled; 3],
        [folded(2), folded(3), folded(1)],
        [Style::Unrolled, folded(4), Style::Unrolled],
        [dense(4), dense(2), Style::Unrolled],
    ] {
        let options = Options { folding: Folding::PerLayer(styles.to_vec()), ..Options::default() };
        let design = lower(&network, &options).unwrap();
        for stalls in [Stalls::none(), Stalls::random(5, 100)] {
            let run = simulate(&design, &samples, stalls);
            expect_equal(&network, &design, &samples, &run, &format!("{styles:?}"));
        }
    }
}
