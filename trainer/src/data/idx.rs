//! The idx format of MNIST and its kin: a magic number with type and rank, big-endian sizes, then the bytes.

use std::path::Path;

use ndarray::Array2;
use sterna_ir::{Range, Task};

use super::error::at;
use super::named::{self, Named};
use super::{Dataset, Error, Options, Split};

/// Magic number of unsigned bytes in `rank` dimensions.
const fn magic(rank: u32) -> u32 {
    0x0800 | rank
}

/// Side of the images of both sets.
const SIDE: usize = 28;
/// Classes of both sets.
const CLASSES: u8 = 10;

/// Loads a set of four idx files.
pub(super) fn load(
    set: &Named,
    options: &Options,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<Dataset, Error> {
    let split = |first: usize| -> Result<Split, Error> {
        let (data, path) = named::read(set, &set.files[first], options, progress)?;
        let x = images(data, &path)?;
        let (data, path) = named::read(set, &set.files[first + 1], options, progress)?;
        let y = labels(&data, &path)?;
        if x.nrows() != y.len() {
            let what = format!("{} labels for {} images", y.len(), x.nrows());
            return Err(Error::content(at(&path), what, "give images and labels of the same set"));
        }
        Ok(Split { x, y })
    };
    let (train, test) = (split(0)?, split(2)?);
    let dataset = Dataset {
        name: set.name.to_string(),
        shape: vec![1, SIDE, SIDE],
        range: Range::new(0, 255),
        classes: CLASSES as usize,
        train,
        test,
        task: Task { classes: super::numbered(10), ..Task::default() },
    };
    dataset.checked(set.name)
}

/// Sizes in the header of a file of the given rank whose length agrees with them.
fn sizes<const RANK: usize>(data: &[u8], path: &Path) -> Result<[usize; RANK], Error> {
    let header = 4 * (RANK + 1);
    let again = "fetch the file again";
    if data.len() < header {
        let what = format!("{} bytes, too few for the idx header of {header}", data.len());
        return Err(Error::content(at(path), what, again));
    }
    let word =
        |i: usize| u32::from_be_bytes([data[4 * i], data[4 * i + 1], data[4 * i + 2], data[4 * i + 3]]);
    if word(0) != magic(RANK as u32) {
        let what = format!("magic number {:#010x} at byte 0", word(0));
        let fix =
            format!("give an idx file of unsigned bytes in {RANK} dimensions ({:#010x})", magic(RANK as u32));
        return Err(Error::content(at(path), what, fix));
    }
    let sizes: [usize; RANK] = std::array::from_fn(|i| word(i + 1) as usize);
    let claimed: u128 = sizes.iter().map(|&s| s as u128).product();
    let held = data.len() - header;
    if claimed != held as u128 {
        let what = format!("the header claims {sizes:?} = {claimed} values, the file holds {held}");
        return Err(Error::content(at(path), what, again));
    }
    Ok(sizes)
}

fn images(mut data: Vec<u8>, path: &Path) -> Result<Array2<u8>, Error> {
    let [count, height, width] = sizes::<3>(&data, path)?;
    if (height, width) != (SIDE, SIDE) {
        let what = format!("images of {height}x{width}");
        return Err(Error::content(
            at(path),
            what,
            format!("give images of {SIDE}x{SIDE}, or use an .npz file"),
        ));
    }
    data.drain(..16);
    Ok(Array2::from_shape_vec((count, SIDE * SIDE), data).expect("as many bytes as the sizes say"))
}

fn labels(data: &[u8], path: &Path) -> Result<Vec<u8>, Error> {
    let [_] = sizes::<1>(data, path)?;
    let labels = data[8..].to_vec();
    match labels.iter().position(|&y| y >= CLASSES) {
        Some(i) => {
            let what = format!("label {} of sample {i}", labels[i]);
            Err(Error::content(at(path), what, format!("labels must be in 0..={}", CLASSES - 1)))
        }
        None => Ok(labels),
    }
}
