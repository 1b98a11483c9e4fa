//! Errors of the common language.

/// What can be wrong with a network, a file or a netlist. Messages name the value and the place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not a network file, or is damaged.
    #[error("{place}: {what}")]
    Format {
        /// Where in the file, e.g. `layers[2].weights`.
        place: String,
        /// What is wrong there and what would be right.
        what: String,
    },
    /// The file is of a version this program does not read.
    #[error("network file version {found}; this program reads version {known}")]
    Version {
        /// Version named in the file.
        found: u64,
        /// The only version accepted.
        known: u64,
    },
    /// The parts of a network do not fit together.
    #[error("layer {layer} ({name}): {what}")]
    Network {
        /// Index of the layer.
        layer: usize,
        /// Its name.
        name: String,
        /// What does not fit.
        what: String,
    },
    /// A netlist breaks one of its guarantees; always a fault of the pass that built it.
    #[error("netlist node {node}: {what}")]
    Netlist {
        /// The node, by number and name.
        node: String,
        /// The guarantee that does not hold.
        what: String,
    },
    /// A sample does not fit the network's input.
    #[error("sample: {0}")]
    Sample(String),
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn format(place: impl Into<String>, what: impl Into<String>) -> Self {
        Error::Format { place: place.into(), what: what.into() }
    }
}
