//! UCI optdigits: rows of 64 pixel counts and the digit, separated by commas.

use std::path::Path;

use ndarray::Array2;
use sterna_ir::{Range, Task};

use super::error::{at, show};
use super::named::{self, OPTDIGITS};
use super::{Dataset, Error, Options, Split};

/// Pixels of a sample: each counts the dark ones among 4x4 of the scan.
const PIXELS: usize = 64;
/// Largest count.
const MOST: u8 = 16;

/// Loads both files.
pub(super) fn load(options: &Options, progress: &dyn Fn(&str, u64, u64)) -> Result<Dataset, Error> {
    let split = |file: usize| -> Result<Split, Error> {
        let (data, path) = named::read(&OPTDIGITS, &OPTDIGITS.files[file], options, progress)?;
        rows(&data, &path)
    };
    let (train, test) = (split(0)?, split(1)?);
    let dataset = Dataset {
        name: OPTDIGITS.name.to_string(),
        shape: vec![1, 8, 8],
        range: Range::new(0, MOST.into()),
        classes: 10,
        train,
        test,
        task: Task { classes: super::numbered(10), ..Task::default() },
    };
    dataset.checked(OPTDIGITS.name)
}

fn rows(data: &[u8], path: &Path) -> Result<Split, Error> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (number, line) in data.split(|&b| b == b'\n').enumerate() {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let place = || format!("{}, line {}", at(path), number + 1);
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        if fields.len() != PIXELS + 1 {
            let what = format!("{} fields", fields.len());
            return Err(Error::content(place(), what, format!("a row has {PIXELS} counts and the digit")));
        }
        for (column, field) in fields.iter().enumerate() {
            let most = if column < PIXELS { MOST } else { 9 };
            let Some(value) = field.parse::<u8>().ok().filter(|&v| v <= most) else {
                let what = format!("{} in column {}", show(field), column + 1);
                return Err(Error::content(place(), what, format!("give an integer in 0..={most}")));
            };
            if column < PIXELS { x.push(value) } else { y.push(value) }
        }
    }
    let x = Array2::from_shape_vec((y.len(), PIXELS), x).expect("every row was checked");
    Ok(Split { x, y })
}
