//! Errors of the compiler.

use crate::options::DIGIT_BITS;

/// Why a network cannot be compiled as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network, or a netlist the compiler built, breaks a rule of the common language.
    #[error(transparent)]
    Ir(#[from] sterna_ir::Error),
    /// A folded layer, or the whole network, was given no processing element.
    #[error("folding of {place}: 0 PEs; want at least 1")]
    NoPes {
        /// `the network`, or the layer's index and name.
        place: String,
    },
    /// Digits of an impossible size.
    #[error("folding of {place}: digits of {bits} bits; want one of {:?}", DIGIT_BITS)]
    DigitBits {
        /// The layer's index and name.
        place: String,
        /// Bits asked for.
        bits: u32,
    },
    /// Fewer processing elements than layers that each need one.
    #[error("folding: {pes} PEs for {layers} layers of weights; want at least one for each")]
    TooFewPes {
        /// PEs asked for.
        pes: usize,
        /// Dense layers and convolutions of the network.
        layers: usize,
    },
    /// The list of styles does not match the layers of weights.
    #[error("folding: styles given: {given}, layers of weights: {layers}; want one for each")]
    StyleCount {
        /// Styles given.
        given: usize,
        /// Dense layers and convolutions of the network.
        layers: usize,
    },
    /// A search for a design by its cells, without a family to count them on.
    #[error("automatic folding: no family to count cells on; want ice40, ecp5, gowin or xcup")]
    NoFamily,
    /// A search for a design of a network that has nothing to choose.
    #[error("automatic folding: the network has no layer of weights")]
    NothingToFold,
    /// Input beats of an impossible size.
    #[error("input lanes: {lanes}; want 1 to {elements}, the elements of a sample")]
    InputLanes {
        /// Lanes asked for.
        lanes: usize,
        /// Elements of a sample.
        elements: usize,
    },
    /// Input beats that cut a pixel unevenly.
    #[error("input lanes: {lanes}; want a divisor of the {channels} values of a pixel")]
    PixelLanes {
        /// Lanes asked for.
        lanes: usize,
        /// Channels of the image.
        channels: usize,
    },
    /// Pipeline registers at an impossible distance.
    #[error("levels per stage: 0; want at least 1")]
    LevelsPerStage,
    /// A clock to reach that cannot be, or on parts whose delays are unknown.
    #[error("clock of {} MHz: want 1 to 1000 MHz and a family with a delay model, ice40 or ecp5", *khz as f64 / 1000.0)]
    Clock {
        /// Clock asked for.
        khz: u32,
    },
    /// A sum whose signed digits or partial sums do not fit the widest word.
    #[error("layer {layer} ({name}): partial sums need more than 59 bits; use smaller weights or inputs")]
    TooWide {
        /// Index of the layer.
        layer: usize,
        /// Its name.
        name: String,
    },
    /// A layer that no hardware is known for yet.
    #[error("layer {layer} ({name}): no circuit is known for {what}")]
    Unsupported {
        /// Index of the layer.
        layer: usize,
        /// Its name.
        name: String,
        /// What it does.
        what: &'static str,
    },
    /// A stage that holds everything up: a fault of the compiler, caught before anything is emitted.
    #[error("timing: {stage} gives no result, however long it runs")]
    Deadlock {
        /// Module.
        stage: String,
    },
    /// The circuit does not compute what the network says: a fault of the compiler, caught before anything is emitted.
    #[error("proof of {place}: {what}; the circuit is not the network, nothing is emitted")]
    Proof {
        /// Module and neuron.
        place: String,
        /// The difference.
        what: String,
    },
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
