//! Data sets: named ones (MNIST, Fashion-MNIST, CIFAR-10, optdigits), one's own tables, and digits drawn by the program.
//!
//! Whatever the source, a [`Dataset`] holds 8-bit unsigned codes, because that is what the circuit will read. Real
//! numbers are mapped to codes by a [`Scaling`](sterna_ir::Scaling) learned on the training split. It travels with the
//! network, beside the names of classes and features, in a [`Task`]: by it [`load_test`] reads other samples.

mod bytes;
mod cifar;
mod digits;
mod error;
mod fetch;
mod idx;
mod named;
mod npy;
mod optdigits;
mod own;
mod scaling;
mod split;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use ndarray::Array2;
use ndarray_npy::WriteNpyExt;
use sterna_ir::{Range, Task};

pub use error::Error;

/// Seed by which one's own tables are split: always the same, so that every command sees the same test samples.
pub const SPLIT_SEED: u64 = 1;

/// Most classes a data set may have: a label is one byte.
pub const MAX_CLASSES: usize = 256;

/// A classification task, split into training and test samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Name of the set, or the file name without its ending; free text.
    pub name: String,
    /// Shape of one sample: `[elements]` or `[channels, height, width]`, row-major.
    pub shape: Vec<usize>,
    /// Range of every element, within `0..=255`.
    pub range: Range,
    /// Number of classes; labels are `0..classes`.
    pub classes: usize,
    /// Samples to learn from.
    pub train: Split,
    /// Samples to measure on.
    pub test: Split,
    /// Names of classes and features, and how features became codes.
    pub task: Task,
}

/// Samples and their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Codes, `[samples, elements]`.
    pub x: Array2<u8>,
    /// Class of each sample.
    pub y: Vec<u8>,
}

/// Samples to measure a network on, and what its user ought to know of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The samples.
    pub split: Split,
    /// The network was trained on these very samples.
    pub trained_on: bool,
    /// Measurements outside the range that was trained on; their codes saturate.
    pub outside: usize,
}

impl Split {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }
}

/// Where data may come from and how one's own tables are split.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory searched first for named sets: `DIR/mnist/FILE`, then `DIR/FILE`.
    pub data_dir: Option<PathBuf>,
    /// Directory that keeps downloads; by default `sterna` in the platform's cache directory.
    pub cache_dir: Option<PathBuf>,
    /// Never use the network.
    pub offline: bool,
    /// Seed of the split of one's own tables. The embedded digits do not depend on it: they are the same set for all.
    pub seed: u64,
    /// Share of each class that becomes the test split of a table that has none; inside `0..1`.
    pub test_fraction: f64,
    /// A file of one's own whose samples are the test split of a table that has none.
    pub test: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options { data_dir: None, cache_dir: None, offline: false, seed: 0, test_fraction: 0.2, test: None }
    }
}

/// Loads a data set.
///
/// `spec` is one of
/// - `mnist`, `fashion-mnist`: idx files, plain or gzip, from `data_dir`, the cache or a mirror;
/// - `cifar10`: colour images of 32x32, the archive or the files in it from the same places;
/// - `optdigits`: 8x8 counts `0..=16` from the same places;
/// - `digits`, `digits:TRAIN`, `digits:TRAIN,TEST`: drawn by the program, 28x28, by default 12000 and 2000 samples;
/// - a path ending in `.npz`: arrays `x_train`, `y_train`, `x_test`, `y_test`, or `x` and `y` to be split;
/// - a path `NAME.npy`: the features, with the labels in `NAME.labels.npy` beside it;
/// - a path ending in `.csv`: a row a sample; the label is the column named `label`, `class` or `y`, else the last.
///
/// Feature arrays have the shape `(samples, elements)`, `(samples, height, width)` or
/// `(samples, channels, height, width)`. `progress` hears of downloads: what, bytes done, bytes in all (0: unknown).
///
/// # Errors
/// Each is one line that names value, place and fix: see [`Error`].
pub fn load(spec: &str, options: &Options, progress: &dyn Fn(&str, u64, u64)) -> Result<Dataset, Error> {
    if let (Some(test), false) = (&options.test, is_own(spec)) {
        return Err(Error::Option {
            option: "test file".into(),
            value: error::at(test),
            fix: format!("leave it out: {} has test samples of its own", error::show(spec)),
        });
    }
    match spec {
        "mnist" => idx::load(&named::MNIST, options, progress),
        "fashion-mnist" => idx::load(&named::FASHION_MNIST, options, progress),
        "cifar10" => cifar::load(options, progress),
        "optdigits" => optdigits::load(options, progress),
        _ => match spec.strip_prefix("digits") {
            Some("") => digits::load(None),
            Some(sizes) if sizes.starts_with(':') => digits::load(Some(&sizes[1..])),
            _ => own::load(Path::new(spec), options),
        },
    }
}

/// Loads samples to measure a network on that was trained for `task`: classes and features are matched by name, and
/// measurements become codes by the task's scaling.
///
/// Of a named set these are its test samples. Of one's own table they are all rows, unless it is the file that the
/// network was trained on: then only the rows that were held out.
///
/// # Errors
/// As [`load`], and when a class or a feature is not one of the task's.
pub fn load_test(
    spec: &str,
    task: &Task,
    options: &Options,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<Measure, Error> {
    if is_own(spec) {
        return own::load_test(Path::new(spec), task, options);
    }
    Ok(Measure { split: load(spec, options, progress)?.test, trained_on: false, outside: 0 })
}

/// Names of classes that are only numbers.
fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|c| c.to_string()).collect()
}

/// Reads a matrix of numbers from a `.npy`: its shape and its values, row-major.
///
/// # Errors
/// As [`load`], and when it is not of two dimensions, both at least 1.
pub fn read_matrix(path: &Path) -> Result<([usize; 2], Vec<f64>), Error> {
    let array = npy::parse(&bytes::read(path, npy::MOST_BYTES)?, &error::at(path))?;
    match array.shape[..] {
        [rows, columns] if rows > 0 && columns > 0 => Ok(([rows, columns], array.values.reals())),
        _ => {
            let what = format!("an array of shape {:?}", array.shape);
            Err(Error::content(error::at(path), what, "give a matrix, [inputs, outputs]"))
        }
    }
}

/// Reads an array of samples from a `.npy`: how many there are, values of each, and all values, a sample after the other.
///
/// # Errors
/// As [`load`], and when it holds nothing.
pub fn read_samples(path: &Path) -> Result<(usize, usize, Vec<f64>), Error> {
    let array = npy::parse(&bytes::read(path, npy::MOST_BYTES)?, &error::at(path))?;
    match array.shape.split_first() {
        Some((samples, sample)) if array.shape.iter().all(|side| *side > 0) => {
            Ok((*samples, sample.iter().product(), array.values.reals()))
        }
        _ => {
            let what = format!("an array of shape {:?}", array.shape);
            Err(Error::content(error::at(path), what, "give an array of samples, [samples, ...]"))
        }
    }
}

/// The bytes of a `.npy` of rows of one length.
pub fn npy(rows: &[Vec<i64>]) -> Vec<u8> {
    let columns = rows.first().map_or(0, Vec::len);
    let array = Array2::from_shape_vec((rows.len(), columns), rows.concat()).expect("rows are of one length");
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).expect("memory takes all of it");
    bytes
}

/// Whether `spec` is a path rather than the name of a set.
fn is_own(spec: &str) -> bool {
    let named = ["mnist", "fashion-mnist", "cifar10", "optdigits", "digits"].contains(&spec);
    !named && !spec.starts_with("digits:")
}

impl Dataset {
    /// Checks what every source owes its users: samples in both splits and more than one class to tell apart.
    fn checked(self, place: &str) -> Result<Self, Error> {
        let elements: usize = self.shape.iter().product();
        for split in [&self.train, &self.test] {
            assert_eq!(split.x.dim(), (split.len(), elements));
        }
        let more = "give more samples of each class, so that some can be held out, or a file of test samples";
        for (split, name, fix) in
            [(&self.train, "training", "give at least one of each class"), (&self.test, "test", more)]
        {
            if split.is_empty() {
                return Err(Error::content(place, format!("0 {name} samples"), fix));
            }
        }
        let first = self.train.y[0];
        if self.train.y.iter().all(|&y| y == first) {
            let name = self.task.classes.get(usize::from(first)).cloned().unwrap_or(first.to_string());
            let what =
                format!("all {} training samples are of class {}", self.train.len(), error::show(&name));
            return Err(Error::content(place, what, "give samples of at least two classes"));
        }
        Ok(self)
    }
}
