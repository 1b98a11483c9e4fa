//! One's own data: arrays or a table, split where they are not, and turned into codes.

use std::path::Path;

use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use sterna_ir::{MAX_ELEMENTS, Range};

use super::error::{at, show};
use super::npy::{self, Archive, Array, Values};
use super::scaling::Scaling;
use super::{Dataset, Error, MAX_CLASSES, Options, Split, bytes, table};

/// Samples with features as read.
struct Samples {
    x: Array,
    y: Vec<u8>,
    /// File and array of the features, for errors.
    place: String,
}

/// Loads a file by its ending.
pub(super) fn load(path: &Path, options: &Options) -> Result<Dataset, Error> {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let reader = match ending.as_deref() {
        Some("npz") => load_npz,
        Some("npy") => load_npy,
        Some("csv") => load_csv,
        _ => return Err(Error::Unknown(show(&path.to_string_lossy()))),
    };
    if !path.is_file() {
        return Err(Error::missing(at(path), "give the path of an existing .npz, .npy or .csv file"));
    }
    let (train, test, classes) = reader(path, options)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    encode(name, train, test, classes)?.checked(&at(path))
}

type Loaded = Result<(Samples, Samples, usize), Error>;

fn load_npz(path: &Path, options: &Options) -> Loaded {
    let mut archive = Archive::open(path)?;
    let names = archive.names();
    let has = |name: &str| names.iter().any(|n| n == name);
    let wanted: &[&str] =
        if has("x_train") { &["x_train", "y_train", "x_test", "y_test"] } else { &["x", "y"] };
    if let Some(missing) = wanted.iter().find(|n| !has(n)) {
        let what = format!("no array {missing} among {}", show(&names.join(" ")));
        return Err(Error::content(at(path), what, "save x_train, y_train, x_test and y_test, or x and y"));
    }
    let mut samples = |x: &str, y: &str| {
        let array = archive.array(x)?;
        let place = |name: &str| format!("{}, array {name}", at(path));
        let y = labels(&archive.array(y)?, &place(y))?;
        samples(array, y, place(x))
    };
    if let [x_train, y_train, x_test, y_test] = wanted {
        let (train, test) = (samples(x_train, y_train)?, samples(x_test, y_test)?);
        if train.x.shape[1..] != test.x.shape[1..] {
            let what = format!("samples of shape {:?}", &test.x.shape[1..]);
            return Err(Error::content(
                test.place,
                what,
                format!("those of x_train are {:?}", &train.x.shape[1..]),
            ));
        }
        let classes = classes(&[&train.y, &test.y]);
        complete(&train, classes)?;
        return Ok((train, test, classes));
    }
    let all = samples("x", "y")?;
    let classes = classes(&[&all.y]);
    complete(&all, classes)?;
    let (train, test) = split(all, options)?;
    Ok((train, test, classes))
}

fn load_npy(path: &Path, options: &Options) -> Loaded {
    let beside = path.with_extension("labels.npy");
    if !beside.is_file() {
        return Err(Error::missing(
            format!("labels {} of {}", at(&beside), at(path)),
            "the features NAME.npy need the labels NAME.labels.npy beside them; or use an .npz with x and y",
        ));
    }
    let read = |path: &Path| npy::parse(&bytes::read(path, npy::MOST_BYTES)?, &at(path));
    let all = samples(read(path)?, labels(&read(&beside)?, &at(&beside))?, at(path))?;
    let classes = classes(&[&all.y]);
    complete(&all, classes)?;
    let (train, test) = split(all, options)?;
    Ok((train, test, classes))
}

fn load_csv(path: &Path, options: &Options) -> Loaded {
    let (x, y, classes) = table::load(path)?;
    let (train, test) = split(samples(x, y, at(path))?, options)?;
    Ok((train, test, classes))
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

/// Class numbers from an array of shape `(samples)` or `(samples, 1)`.
fn labels(array: &Array, place: &str) -> Result<Vec<u8>, Error> {
    if !matches!(array.shape[..], [_] | [_, 1]) {
        let what = format!("labels of shape {:?}", array.shape);
        return Err(Error::content(place, what, "give one class number for each sample"));
    }
    match &array.values {
        Values::Codes(labels) => Ok(labels.clone()),
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

/// One more than the largest label.
fn classes(labels: &[&[u8]]) -> usize {
    labels.iter().flat_map(|y| y.iter()).max().map_or(0, |&most| usize::from(most) + 1)
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

/// Splits every class by the same share, chosen by the seed; samples keep their order.
fn split(all: Samples, options: &Options) -> Result<(Samples, Samples), Error> {
    let share = options.test_fraction;
    if !(share > 0.0 && share < 1.0) {
        let (option, value) = ("test fraction".to_string(), share.to_string());
        return Err(Error::Option {
            option,
            value,
            fix: "give a number between 0 and 1, such as 0.2".into(),
        });
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    let mut test = vec![false; all.y.len()];
    for class in 0..=u8::MAX {
        let mut members: Vec<usize> = (0..all.y.len()).filter(|&i| all.y[i] == class).collect();
        members.shuffle(&mut rng);
        // At least one stays for training, else the class could not be learned.
        let count = ((members.len() as f64 * share).round() as usize).min(members.len().saturating_sub(1));
        members[..count].iter().for_each(|&i| test[i] = true);
    }
    Ok((select(&all, &test, false), select(&all, &test, true)))
}

/// The samples whose flag has the given value.
fn select(all: &Samples, flags: &[bool], value: bool) -> Samples {
    fn pick<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
        rows.iter().flat_map(|&r| values[r * width..(r + 1) * width].iter().copied()).collect()
    }
    let rows: Vec<usize> = (0..flags.len()).filter(|&i| flags[i] == value).collect();
    let mut shape = all.x.shape.clone();
    shape[0] = rows.len();
    let width: usize = shape[1..].iter().product();
    let values = match &all.x.values {
        Values::Codes(codes) => Values::Codes(pick(codes, width, &rows)),
        Values::Reals(reals) => Values::Reals(pick(reals, width, &rows)),
    };
    Samples { x: Array { shape, values }, y: pick(&all.y, 1, &rows), place: all.place.clone() }
}

/// Turns features into codes: unchanged where all are integers in `0..=255`, else scaled.
fn encode(name: String, train: Samples, test: Samples, classes: usize) -> Result<Dataset, Error> {
    let shape = match train.x.shape[1..] {
        [height, width] => vec![1, height, width],
        ref other => other.to_vec(),
    };
    let elements = shape.iter().product();
    let matrix = |codes: Vec<u8>| {
        Array2::from_shape_vec((codes.len() / elements, elements), codes).expect("whole rows of codes")
    };
    let (x_train, x_test, range, scaling) = match (train.x.values, test.x.values) {
        (Values::Codes(a), Values::Codes(b)) => {
            let most = a.iter().chain(&b).copied().max().unwrap_or(0);
            // All words as wide as the largest value: other samples of the same kind will fit too.
            (a, b, Range::new(0, most.into()).word(), None)
        }
        (a, b) => {
            let positions = if shape.len() == 3 { shape[1] * shape[2] } else { 1 };
            let (a, b) = (a.reals(), b.reals());
            let scaling = Scaling::learn(&a, elements / positions, positions);
            let codes = |v: &[f64]| v.chunks_exact(elements).flat_map(|row| scaling.apply(row)).collect();
            (codes(&a), codes(&b), Range::new(0, 255), Some(scaling))
        }
    };
    Ok(Dataset {
        name,
        shape,
        range,
        classes,
        train: Split { x: matrix(x_train), y: train.y },
        test: Split { x: matrix(x_test), y: test.y },
        scaling,
    })
}
