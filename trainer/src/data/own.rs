//! One's own data: arrays or a table, split where they are not, and turned into codes.

use std::path::Path;

use ndarray::Array2;
use sterna_ir::{MAX_ELEMENTS, Range, Scaling, Task};

use super::error::{at, show};
use super::npy::{self, Archive, Array, Values};
use super::split::split;
use super::{Dataset, Error, MAX_CLASSES, Measure, Options, Split, bytes, scaling, table};

/// Samples with features as read.
pub(super) struct Samples {
    pub x: Array,
    pub y: Vec<u8>,
    /// File and array of the features, for errors.
    pub place: String,
}

/// What a file holds.
struct Content {
    /// All samples, or those that were asked for.
    samples: Samples,
    /// Those for testing, where the file keeps them apart.
    test: Option<Samples>,
    /// Class names in order of their numbers.
    classes: Vec<String>,
    /// Names of the elements, where the file has them.
    features: Vec<String>,
}

/// Loads a file to train on.
pub(super) fn load(path: &Path, options: &Options) -> Result<Dataset, Error> {
    let Content { samples, test, classes, features } = read(path, None)?;
    let count = classes.len();
    let mut task = Task { classes, features, ..Task::default() };
    let (train, test) = match (test, &options.test) {
        (Some(_), Some(given)) => {
            let fix = format!("leave it out: {} has test samples of its own", at(path));
            return Err(Error::Option { option: "test file".into(), value: at(given), fix });
        }
        (Some(test), None) => (samples, test),
        (None, Some(given)) => {
            let other = read(given, Some(&task))?;
            let test = other.test.unwrap_or(other.samples);
            same_shape(&samples, &test, &at(path))?;
            (task.digest, task.whole) = (Some(digest(path)?), true);
            (samples, test)
        }
        (None, None) => {
            task.digest = Some(digest(path)?);
            split(samples, options)?
        }
    };
    complete(&train, count)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    encode(name, train, test, task)?.checked(&at(path))
}

/// Loads the samples of a file on which a network that was trained for `task` can be measured.
pub(super) fn load_test(path: &Path, task: &Task, options: &Options) -> Result<Measure, Error> {
    let Content { samples, test, .. } = read(path, Some(task))?;
    let same = test.is_none() && task.digest.is_some() && task.digest == Some(digest(path)?);
    let samples = match test {
        Some(test) => test,
        None if same && !task.whole => split(samples, options)?.1,
        None => samples,
    };
    let mut outside = 0;
    if samples.y.is_empty() {
        return Err(Error::content(samples.place, "0 samples", "give at least one"));
    }
    let elements: usize = samples.x.shape[1..].iter().product();
    let place = &samples.place;
    let codes = match (&task.scaling, samples.x.values) {
        (None, Values::Codes(codes)) => codes,
        (None, Values::Reals(reals)) => {
            let odd = |v: &f64| v.fract() != 0.0 || !(0.0..=255.0).contains(v);
            let i = reals.iter().position(odd).expect("else they would be codes");
            let what = format!("{} in sample {}, element {}", reals[i], i / elements, i % elements);
            let fix = "the network was trained on integers in 0..=255; scale the features in the same way";
            return Err(Error::content(place, what, fix));
        }
        (Some(scaling), values) => {
            if scaling.min.len() != elements {
                let what = format!("{elements} features a sample");
                return Err(Error::content(place, what, format!("the network takes {}", scaling.min.len())));
            }
            let reals = values.reals();
            let far = |(i, v): (usize, &f64)| scaling.saturates(i % elements, *v);
            outside = reals.iter().enumerate().filter(|value| far(*value)).count();
            scaled(scaling, &reals)
        }
    };
    let split = Split { x: matrix(codes, elements), y: samples.y };
    Ok(Measure { split, trained_on: same && task.whole, outside })
}

/// Reads a file by its ending. With a `task`, classes and features are the task's.
fn read(path: &Path, task: Option<&Task>) -> Result<Content, Error> {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let reader = match ending.as_deref() {
        Some("npz") => read_npz,
        Some("npy") => read_npy,
        Some("csv") => read_csv,
        _ => return Err(Error::Unknown(show(&path.to_string_lossy()))),
    };
    if !path.is_file() {
        return Err(Error::missing(at(path), "give the path of an existing .npz, .npy or .csv file"));
    }
    reader(path, task)
}

fn digest(path: &Path) -> Result<String, Error> {
    Ok(bytes::sha256(&bytes::read(path, npy::MOST_BYTES)?))
}

fn read_npz(path: &Path, task: Option<&Task>) -> Result<Content, Error> {
    let mut archive = Archive::open(path)?;
    let names = archive.names();
    let has = |name: &str| names.iter().any(|n| n == name);
    // To measure, the test arrays are enough.
    let wanted: &[&str] = match task {
        Some(_) if has("x_test") => &["x_test", "y_test"],
        _ if has("x_train") => &["x_train", "y_train", "x_test", "y_test"],
        _ => &["x", "y"],
    };
    if let Some(missing) = wanted.iter().find(|n| !has(n)) {
        let what = format!("no array {missing} among {}", show(&names.join(" ")));
        return Err(Error::content(at(path), what, "save x_train, y_train, x_test and y_test, or x and y"));
    }
    let mut samples = |x: &str, y: &str| {
        let array = archive.array(x)?;
        let place = |name: &str| format!("{}, array {name}", at(path));
        let y = labels(&archive.array(y)?, &place(y), task)?;
        samples(array, y, place(x))
    };
    let first = samples(wanted[0], wanted[1])?;
    if let [_, _, x_test, y_test] = wanted {
        let second = samples(x_test, y_test)?;
        same_shape(&first, &second, "x_train")?;
        let classes = numbers(&[&first.y, &second.y]);
        return Ok(Content { samples: first, test: Some(second), classes, features: Vec::new() });
    }
    let classes = numbers(&[&first.y]);
    Ok(Content { samples: first, test: None, classes, features: Vec::new() })
}

fn read_npy(path: &Path, task: Option<&Task>) -> Result<Content, Error> {
    let beside = path.with_extension("labels.npy");
    if !beside.is_file() {
        return Err(Error::missing(
            format!("labels {} of {}", at(&beside), at(path)),
            "the features NAME.npy need the labels NAME.labels.npy beside them; or use an .npz with x and y",
        ));
    }
    let array = |path: &Path| npy::parse(&bytes::read(path, npy::MOST_BYTES)?, &at(path));
    let samples = samples(array(path)?, labels(&array(&beside)?, &at(&beside), task)?, at(path))?;
    let classes = numbers(&[&samples.y]);
    Ok(Content { samples, test: None, classes, features: Vec::new() })
}

fn read_csv(path: &Path, task: Option<&Task>) -> Result<Content, Error> {
    let table::Table { x, y, classes, features } = table::load(path, task)?;
    Ok(Content { samples: samples(x, y, at(path))?, test: None, classes, features })
}

fn same_shape(train: &Samples, test: &Samples, name: &str) -> Result<(), Error> {
    let (want, have) = (&train.x.shape[1..], &test.x.shape[1..]);
    match want == have {
        true => Ok(()),
        false => {
            let what = format!("samples of shape {have:?}");
            Err(Error::content(&test.place, what, format!("those of {name} are {want:?}")))
        }
    }
}

/// Joins features and labels after checking that they are samples and as many.
fn samples(x: Array, y: Vec<u8>, place: String) -> Result<Samples, Error> {
    let (rank, elements) = (x.shape.len(), x.shape.iter().skip(1).product::<usize>());
    if !(2..=4).contains(&rank) || !(1..=MAX_ELEMENTS).contains(&elements) {
        let fix = format!(
            "use (samples, elements), (samples, height, width) or (samples, channels, height, width), with 1 to {MAX_ELEMENTS} elements a sample"
        );
        return Err(Error::content(place, format!("an array of shape {:?}", x.shape), fix));
    }
    if x.shape[0] != y.len() {
        let what = format!("{} samples, but {} labels", x.shape[0], y.len());
        return Err(Error::content(place, what, "give one label for each sample"));
    }
    if let Values::Reals(reals) = &x.values
        && let Some(i) = reals.iter().position(|v| !v.is_finite())
    {
        let what = format!("{} in sample {}, element {}", reals[i], i / elements, i % elements);
        return Err(Error::content(place, what, "features must be finite: drop or fill such values"));
    }
    Ok(Samples { x, y, place })
}

/// Class numbers from an array of shape `(samples)` or `(samples, 1)`; with a `task`, below its number of classes.
fn labels(array: &Array, place: &str, task: Option<&Task>) -> Result<Vec<u8>, Error> {
    if !matches!(array.shape[..], [_] | [_, 1]) {
        let what = format!("labels of shape {:?}", array.shape);
        return Err(Error::content(place, what, "give one class number for each sample"));
    }
    match &array.values {
        Values::Codes(labels) => {
            let classes = task.map_or(MAX_CLASSES, |t| t.classes.len());
            match labels.iter().position(|&y| usize::from(y) >= classes) {
                Some(i) => {
                    let what = format!("label {} of sample {i}", labels[i]);
                    Err(Error::content(
                        place,
                        what,
                        format!("the network knows classes 0 to {}", classes - 1),
                    ))
                }
                None => Ok(labels.clone()),
            }
        }
        Values::Reals(values) => {
            let most = MAX_CLASSES - 1;
            let wrong = |v: &f64| v.fract() != 0.0 || !(0.0..=most as f64).contains(v);
            let i = values.iter().position(wrong).expect("else they would be codes");
            let what = format!("label {} of sample {i}", values[i]);
            Err(Error::content(
                place,
                what,
                format!("labels must be integers in 0..={most}: at most {MAX_CLASSES} classes"),
            ))
        }
    }
}

/// Names of the classes up to the largest label: their numbers.
fn numbers(labels: &[&[u8]]) -> Vec<String> {
    let count = labels.iter().flat_map(|y| y.iter()).max().map_or(0, |&most| usize::from(most) + 1);
    super::numbered(count)
}

/// Checks that every class occurs: a gap mostly means labels that count from 1.
fn complete(samples: &Samples, classes: usize) -> Result<(), Error> {
    let mut seen = [false; MAX_CLASSES];
    samples.y.iter().for_each(|&y| seen[usize::from(y)] = true);
    match (0..classes).find(|&c| !seen[c]) {
        Some(class) if !samples.y.is_empty() => {
            let what = format!("labels up to {}, but no training sample of class {class}", classes - 1);
            Err(Error::content(&samples.place, what, "number the classes from 0 without gaps"))
        }
        _ => Ok(()),
    }
}

/// Turns features into codes: unchanged where all are integers in `0..=255`, else scaled.
fn encode(name: String, train: Samples, test: Samples, mut task: Task) -> Result<Dataset, Error> {
    let shape = match train.x.shape[1..] {
        [height, width] => vec![1, height, width],
        ref other => other.to_vec(),
    };
    let elements = shape.iter().product();
    let (x_train, x_test, range) = match (train.x.values, test.x.values) {
        (Values::Codes(a), Values::Codes(b)) => {
            let most = a.iter().chain(&b).copied().max().unwrap_or(0);
            // All words as wide as the largest value: other samples of the same kind will fit too.
            (a, b, Range::new(0, most.into()).word())
        }
        (a, b) => {
            let positions = if shape.len() == 3 { shape[1] * shape[2] } else { 1 };
            let (a, b) = (a.reals(), b.reals());
            let scaling = scaling::learn(&a, elements / positions, positions);
            let codes = (scaled(&scaling, &a), scaled(&scaling, &b));
            task.scaling = Some(scaling);
            (codes.0, codes.1, Range::new(0, 255))
        }
    };
    Ok(Dataset {
        name,
        shape,
        range,
        classes: task.classes.len(),
        train: Split { x: matrix(x_train, elements), y: train.y },
        test: Split { x: matrix(x_test, elements), y: test.y },
        task,
    })
}

fn scaled(scaling: &Scaling, rows: &[f64]) -> Vec<u8> {
    rows.chunks_exact(scaling.min.len()).flat_map(|row| scaling.apply(row)).collect()
}

fn matrix(codes: Vec<u8>, elements: usize) -> Array2<u8> {
    Array2::from_shape_vec((codes.len() / elements, elements), codes).expect("whole rows of codes")
}
