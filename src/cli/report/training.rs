//! How a network was trained, and its weights.

use anyhow::Result;
use maud::{Markup, html};
use sterna_ir::Network;

use super::chart::{Axes, Series, bars, histogram, lines};
use super::network::drawing;
use super::page::{charts, facts};
use crate::build;
use crate::record::Record;
use crate::ui::{percent, thousands};

/// Most layers whose fan-ins are drawn one by one.
const MOST_HISTOGRAMS: usize = 12;

/// What a training was and how it went.
pub fn training(record: &Record) -> Result<Markup> {
    let optional = |v: Option<f64>| v.map_or("-".to_string(), percent);
    let bytes = |bits: u64| format!("{} bytes", thousands(bits.div_ceil(8)));
    let mut rows = vec![
        ("data", record.data.clone()),
        ("training samples", thousands(record.train_samples as u64)),
        ("test samples", thousands(record.test_samples as u64)),
        ("test accuracy, integers", optional(record.test_accuracy)),
        ("test accuracy, before export", optional(record.float_accuracy)),
        ("validation accuracy", optional(record.validation_accuracy)),
        ("nonzero weights", thousands(record.nonzeros as u64)),
        ("kept epoch", format!("{} of {}", record.best_epoch, record.config.epochs)),
        ("seed", record.config.seed.to_string()),
    ];
    if let Some(size) = &record.size {
        rows.push(("weights at 2 bits", bytes(size.two_bit)));
        rows.push(("weights, coded", bytes(size.coded)));
    }
    let recipe = serde_json::to_string_pretty(&record.config)?;
    let history = &record.history;
    let series = |name: &str, of: &dyn Fn(usize) -> Option<f64>| Series {
        name: name.into(),
        points: (0..history.len()).filter_map(|i| Some((history[i].epoch as f64, of(i)?))).collect(),
    };
    let loss = [series("training loss", &|i| Some(history[i].loss))];
    let mut accuracy = vec![series("training, as it went", &|i| Some(100.0 * history[i].train_accuracy))];
    let validation = series("validation", &|i| history[i].validation_accuracy.map(|v| 100.0 * v));
    accuracy.extend(Some(validation).filter(|s| !s.points.is_empty()));
    let layers = history.first().map_or(0, |r| r.zeros.len());
    let zeros: Vec<Series> = (0..layers)
        .map(|layer| {
            series(&format!("weights {}", layer + 1), &|i| history[i].zeros.get(layer).map(|z| 100.0 * z))
        })
        .collect();
    let axes = |y| Axes { x: "epoch", y };
    Ok(html! {
        (facts(&rows))
        (charts(&[
            lines("Loss", axes("mean loss, nats"), &loss)?,
            lines("Accuracy", axes("accuracy, %"), &accuracy)?,
            lines("Zeros by layer of weights", axes("zero weights, %"), &zeros)?,
        ]))
        details { summary { "Recipe" } pre.scroll { (recipe) } }
    })
}

/// The drawing, zeros and fan-ins of a network.
pub fn network(network: &Network) -> Result<Markup> {
    let mut zeros = Vec::new();
    let mut fan_ins = Vec::new();
    for (name, rows) in build::weights(network) {
        let counts: Vec<usize> = rows.iter().map(|row| row.iter().filter(|w| **w != 0).count()).collect();
        let all: usize = rows.iter().map(|row| row.len()).sum();
        let nonzeros: usize = counts.iter().sum();
        zeros.push((name.to_string(), vec![100.0 * (1.0 - nonzeros as f64 / all.max(1) as f64)]));
        fan_ins.push((name, counts));
    }
    let mut all = vec![drawing(network), bars("Zeros", "zero weights, %", &zeros, &["zeros"])?];
    let axes = Axes { x: "inputs with a weight that is not zero", y: "neurons or channels" };
    for (name, counts) in fan_ins.iter().take(MOST_HISTOGRAMS) {
        let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        all.push(histogram(&format!("Fan-in of {name}"), axes, counts)?);
    }
    Ok(charts(&all))
}
