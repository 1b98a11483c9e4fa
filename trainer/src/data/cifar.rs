//! CIFAR-10, binary version: records of one label and 3072 bytes, a plane each of red, green and blue.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use ndarray::Array2;
use rayon::prelude::*;
use sterna_ir::{Range, Task};

use super::error::{at, one_line};
use super::named::{self, CIFAR10, find};
use super::{Dataset, Error, Options, Split, bytes};

/// `[channels, height, width]`.
const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];
/// Records of each file.
const RECORDS: usize = 10_000;
/// Bytes of each file.
const MOST: u64 = (RECORDS * (PIXELS + 1)) as u64;
/// Folder inside the archive.
const FOLDER: &str = "cifar-10-batches-bin";
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";
/// By label, as `batches.meta.txt` of the archive names them.
const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Loads the files of the archive where the user has them, plain or compressed, else the archive.
pub(super) fn load(options: &Options, progress: &dyn Fn(&str, u64, u64)) -> Result<Dataset, Error> {
    let files: Vec<&str> = TRAIN.into_iter().chain([TEST]).collect();
    let unpacked = named::data_dir(options)?.and_then(|dir| {
        let folders = [dir.join(CIFAR10.name), dir.join(CIFAR10.name).join(FOLDER), dir.join(FOLDER)];
        folders.into_iter().find(|f| find(f, TEST).is_some())
    });
    let mut splits = match unpacked {
        Some(folder) => {
            let each = |name: &&str| match find(&folder, name) {
                Some(path) => records(&bytes::read(&path, MOST)?, &at(&path)),
                None => Err(Error::missing(at(&folder.join(name)), "put all six files of the set there")),
            };
            files.par_iter().map(each).collect::<Result<Vec<_>, _>>()?
        }
        None => {
            let (archive, path) = named::read(&CIFAR10, &CIFAR10.files[0], options, progress)?;
            unpack(&archive, &path, &files)?
        }
    };
    let test = splits.pop().expect("the last file");
    let train = Split {
        x: ndarray::concatenate(ndarray::Axis(0), &splits.iter().map(|s| s.x.view()).collect::<Vec<_>>())
            .expect("as many pixels everywhere"),
        y: splits.into_iter().flat_map(|s| s.y).collect(),
    };
    let dataset = Dataset {
        name: CIFAR10.name.to_string(),
        shape: SHAPE.to_vec(),
        range: Range::new(0, 255),
        classes: CLASSES.len(),
        train,
        test,
        task: Task { classes: CLASSES.map(String::from).to_vec(), ..Task::default() },
    };
    dataset.checked(CIFAR10.name)
}

/// The records of `files`, in that order, in a `.tar.gz`.
fn unpack(archive: &[u8], path: &Path, files: &[&str]) -> Result<Vec<Split>, Error> {
    let fail =
        |e: std::io::Error| Error::content(at(path), format!("damaged archive ({})", one_line(e)), AGAIN);
    let mut found: Vec<Option<Split>> = vec![None; files.len()];
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.path().map_err(fail)?.into_owned();
        let Some(slot) = files.iter().position(|f| name.ends_with(f)) else { continue };
        let mut data = Vec::new();
        entry.take(MOST + 1).read_to_end(&mut data).map_err(fail)?;
        found[slot] = Some(records(&data, &format!("{}, {}", at(path), at(&name)))?);
    }
    let each = |(file, split): (&&str, Option<Split>)| {
        split.ok_or_else(|| Error::content(at(path), format!("holds no {file}"), AGAIN))
    };
    files.iter().zip(found).map(each).collect()
}

/// What to do about a file that is not the published one.
const AGAIN: &str = "fetch the file again";

/// Labels and pixels of one file.
fn records(data: &[u8], place: &str) -> Result<Split, Error> {
    let each = PIXELS + 1;
    if data.is_empty() || !data.len().is_multiple_of(each) || data.len() as u64 > MOST {
        let what = format!("{} bytes, no whole number of records", data.len());
        return Err(Error::content(
            place,
            what,
            format!("a file has up to {RECORDS} records of {each} bytes"),
        ));
    }
    let y: Vec<u8> = data.iter().step_by(each).copied().collect();
    if let Some(i) = y.iter().position(|&y| usize::from(y) >= CLASSES.len()) {
        let what = format!("label {} of record {i}", y[i]);
        return Err(Error::content(place, what, format!("labels must be in 0..={}", CLASSES.len() - 1)));
    }
    let x: Vec<u8> = data.chunks_exact(each).flat_map(|record| &record[1..]).copied().collect();
    Ok(Split { x: Array2::from_shape_vec((y.len(), PIXELS), x).expect("whole records"), y })
}
