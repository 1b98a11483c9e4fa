//! Why each layer got its style, in words.

use super::{Budget, Candidate};
use crate::Style;

/// One line for each layer of the combination `pick`.
pub fn reasons(layers: &[Vec<Candidate>], pick: &[usize], budget: &Budget) -> Vec<String> {
    let chosen: Vec<&Candidate> = layers.iter().zip(pick).map(|(layer, c)| &layer[*c]).collect();
    let pace = chosen.iter().map(|c| c.cycles).max().unwrap_or(0);
    let reason = |(layer, chosen): (&Vec<Candidate>, &&Candidate)| {
        let faster = layer.iter().filter(|c| c.cycles < chosen.cycles).max_by_key(|c| c.cycles);
        let slower = layer.iter().filter(|c| c.cycles > pace).min_by_key(|c| c.cycles);
        match (chosen.cycles == pace, faster, slower) {
            (true, _, Some(c)) if budget.interval.is_some() => {
                format!("sets the pace; {} would take {}", text(c.style), cycles(c.cycles))
            }
            (true, Some(c), _) => {
                let more = c.area.minus(chosen.area);
                let cells = [(more.lut, "LUT"), (more.bram, "BRAM")];
                let cells = cells.iter().filter(|(n, _)| *n >= 0.5).map(|(n, what)| format!("{n:.0} {what}"));
                let cells = cells.collect::<Vec<_>>().join(" and ");
                format!("sets the pace; {} would take {} and {cells} more", text(c.style), cycles(c.cycles))
            }
            (true, None, _) => "sets the pace, as fast as this layer can be".to_string(),
            (false, _, Some(c)) => {
                format!(
                    "the cheapest that keeps up with {pace} cycles; {} would take {}",
                    text(c.style),
                    c.cycles
                )
            }
            (false, _, None) => format!("the cheapest, and fast enough for {pace} cycles"),
        }
    };
    layers.iter().zip(&chosen).map(reason).collect()
}

fn cycles(n: u64) -> String {
    if n == 1 { "1 cycle".into() } else { format!("{n} cycles") }
}

/// A style for people.
pub fn text(style: Style) -> String {
    match style {
        Style::Unrolled => "unrolled".into(),
        Style::Serial { bits: 1 } => "digits of a bit".into(),
        Style::Serial { bits } => format!("digits of {bits} bits"),
        Style::Folded { pes: 1 } => "1 PE".into(),
        Style::Folded { pes } => format!("{pes} PEs"),
        Style::Dense { pes } => format!("{pes} PEs without skipping"),
        Style::Xnor { pes } => format!("{pes} XNOR PEs"),
    }
}
