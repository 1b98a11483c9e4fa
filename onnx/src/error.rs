//! Errors of import and export.

use std::fmt;

/// A node that the integer network cannot hold, and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the node, or of its first output where it has none.
    pub node: String,
    /// Its operator, e.g. `Conv`.
    pub op: String,
    /// What cannot be held and what can.
    pub hint: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", shown(&self.node), shown(&self.op), self.hint)
    }
}

/// What can be wrong with a model. Messages name the value and the place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no ONNX model.
    #[error("not an ONNX model: {0}")]
    Format(String),
    /// A tensor's sizes, type or data do not fit together.
    #[error("tensor {}: {what}", shown(.name))]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What does not fit.
        what: String,
    },
    /// The graph is none that can be run: cycles, names defined twice or not at all.
    #[error("graph: {0}")]
    Graph(String),
    /// Nodes that the integer network cannot hold: all that could be found at once.
    #[error("{}", listed(.0))]
    Refused(Vec<Refusal>),
    /// The integer network that came out does not check.
    #[error(transparent)]
    Network(#[from] sterna_ir::Error),
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A name of the file, short and fit for a terminal.
pub(crate) fn shown(name: &str) -> String {
    const MOST: usize = 100;
    let short: String = name.chars().take(MOST).collect();
    let dots = if short.len() < name.len() { "..." } else { "" };
    format!("{}{dots}", short.escape_debug())
}

fn listed(refusals: &[Refusal]) -> String {
    let lines: Vec<String> = refusals.iter().map(|r| format!("\n  {r}")).collect();
    let nodes = if refusals.len() == 1 { "1 node".into() } else { format!("{} nodes", refusals.len()) };
    format!("{nodes} that an integer network cannot hold:{}", lines.concat())
}
