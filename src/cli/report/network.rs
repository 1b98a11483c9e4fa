//! A network drawn from top to bottom: a bar per layer, as wide as the logarithm of its outputs; between them the weights,
//! the darker the denser.

use maud::{Markup, html};
use sterna_ir::{LayerOp, Network, Window};

use super::chart::WIDTH;
use crate::ui::thousands;

/// Height of a layer's bar, and of the weights above it.
const BAR: f64 = 14.0;
const WEIGHTS: f64 = 34.0;
/// Where bars are centred, and the width of the widest.
const CENTRE: f64 = 84.0;
const WIDEST: f64 = 150.0;
/// Where the words begin.
const WORDS: f64 = 170.0;
/// Letters that fit there.
const LETTERS: usize = 31;

/// A bar and what leads to it.
struct Level {
    outputs: usize,
    /// Share of weights that are not zero, where there are weights.
    density: Option<f64>,
    title: String,
    detail: String,
    /// Number of the level that is added here.
    from: Option<usize>,
}

/// The drawing.
pub fn drawing(network: &Network) -> Markup {
    let levels = levels(network);
    let most = levels.iter().map(|l| l.outputs).max().unwrap_or(1);
    let width = |outputs: usize| WIDEST * (1.0 + outputs as f64).log2() / (1.0 + most as f64).log2();
    let top = |level: usize| 10.0 + level as f64 * (BAR + WEIGHTS);
    let height = top(levels.len()) - WEIGHTS + 14.0;
    let wedge = |level: usize| {
        let (above, below) = (width(levels[level - 1].outputs) / 2.0, width(levels[level].outputs) / 2.0);
        let (y0, y1) = (top(level - 1) + BAR, top(level));
        format!(
            "{:.1},{y0:.1} {:.1},{y0:.1} {:.1},{y1:.1} {:.1},{y1:.1}",
            CENTRE - above,
            CENTRE + above,
            CENTRE + below,
            CENTRE - below
        )
    };
    html! {
        figure {
            figcaption { "Network" }
            svg viewBox={ "0 0 " (WIDTH) " " (format!("{height:.0}")) } role="img" aria-label="the layers of the network" {
                @for (i, level) in levels.iter().enumerate() {
                    @if i > 0 {
                        polygon points=(wedge(i)) fill="#0072B2"
                            fill-opacity=(format!("{:.2}", 0.14 + 0.5 * level.density.unwrap_or(0.0))) {}
                    }
                    @if let Some(from) = level.from {
                        path d=(format!("M{0:.1},{1:.1} H6 V{2:.1} H{3:.1}", CENTRE - width(levels[from].outputs) / 2.0,
                            top(from) + BAR / 2.0, top(i) + BAR / 2.0, CENTRE - width(level.outputs) / 2.0))
                            fill="none" stroke="#D55E00" stroke-width="2" {}
                    }
                    rect x=(format!("{:.1}", CENTRE - width(level.outputs) / 2.0)) y=(format!("{:.1}", top(i)))
                        width=(format!("{:.1}", width(level.outputs))) height=(BAR) rx="3" fill="#0072B2" {}
                    text x=(WORDS) y=(format!("{:.1}", top(i) + 6.0)) font-size="12" font-weight="600" fill="#000000" {
                        (cut(&level.title))
                    }
                    text x=(WORDS) y=(format!("{:.1}", top(i) + 20.0)) font-size="11" fill="#000000" { (cut(&level.detail)) }
                }
            }
        }
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return text.to_string();
    }
    text.chars().take(LETTERS - 1).chain(['…']).collect()
}

/// Thresholds belong to the layer before them.
fn levels(network: &Network) -> Vec<Level> {
    let shape: Vec<String> = network.input.shape.iter().map(ToString::to_string).collect();
    let mut levels = vec![Level {
        outputs: network.input.elements(),
        density: None,
        title: format!("input, {}", shape.join(" × ")),
        detail: format!("values {}", network.input.ranges),
        from: None,
    }];
    // Level of each layer's output.
    let mut place: Vec<usize> = Vec::new();
    for (index, layer) in network.layers.iter().enumerate() {
        let outputs = network.outputs(index);
        let title = format!("{}, {}", layer.name.escape_debug(), thousands(outputs as u64));
        let mut level = Level { outputs, density: None, title, detail: String::new(), from: None };
        let weights = |nonzeros: usize, all: usize| {
            let share = nonzeros as f64 / all.max(1) as f64;
            (
                Some(share),
                format!("{} nonzero, {:.1} % zeros", thousands(nonzeros as u64), 100.0 * (1.0 - share)),
            )
        };
        let window = |w: &Window| format!("{}×{}, stride {}", w.kernel[0], w.kernel[1], w.stride[0]);
        match &layer.op {
            LayerOp::Dense(d) => (level.density, level.detail) = weights(d.nonzeros(), d.weights.len()),
            LayerOp::Conv2d(c) => (level.density, level.detail) = weights(c.nonzeros(), c.weights.len()),
            LayerOp::MaxPool(w) => level.detail = format!("largest of {}", window(w)),
            LayerOp::SumPool(w) => level.detail = format!("sum of {}", window(w)),
            LayerOp::Add { from } => {
                level.from = Some(place[*from]);
                level.detail = "sum of two layers".into();
            }
            LayerOp::ArgMax => {
                level.outputs = 1;
                level.title = "class".into();
                level.detail = "the largest sum".into();
            }
            LayerOp::Threshold(t) => {
                let codes = if t.thermometer { "bits by levels" } else { "codes" };
                let text = format!("{codes} 0..={}", t.levels);
                let last = levels.last_mut().expect("the input at least");
                if place.is_empty() || !last.detail.contains("zeros") {
                    level.detail = text;
                } else {
                    last.title.push_str(&format!(", {text}"));
                    place.push(levels.len() - 1);
                    continue;
                }
            }
        }
        place.push(levels.len());
        levels.push(level);
    }
    levels
}
