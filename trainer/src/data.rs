//! Data sets as the trainer sees them: 8-bit features, class labels, a training and a test part.

/// A classification data set.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Name, for reports.
    pub name: String,
    /// `[n]` or `[channels, height, width]`.
    pub shape: Vec<usize>,
    /// Range of every feature, within 0..=255.
    pub range: sterna_ir::Range,
    /// Number of classes; labels are `0..classes`.
    pub classes: usize,
    /// Samples to learn from.
    pub train: Split,
    /// Samples to judge by, never used for a decision.
    pub test: Split,
}

/// Samples and their labels.
#[derive(Clone, Debug)]
pub struct Split {
    /// `[samples, elements]`.
    pub x: ndarray::Array2<u8>,
    /// One label per sample.
    pub y: Vec<u8>,
}
