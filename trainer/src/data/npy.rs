//! NumPy files: single arrays and archives of them. Nothing is allocated on the word of a header.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::npy::header::Header;
use ndarray_npy::{ReadNpyExt, ReadableElement};
use zip::ZipArchive;

use super::Error;
use super::error::{at, one_line, show};

/// Largest array accepted, in bytes.
pub(super) const MOST_BYTES: u64 = 4 << 30;

/// Longest header of a numeric array; a real one has about 120 bytes.
const MOST_HEADER: usize = 4096;

/// Numbers of an array, as small as they allow.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    /// All of them are integers in `0..=255`.
    Codes(Vec<u8>),
    /// All of them are finite or not: not yet checked.
    Reals(Vec<f64>),
}

/// An array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub shape: Vec<usize>,
    pub values: Values,
}

/// The code that equals a value.
fn code(value: f64) -> Option<u8> {
    let code = value as u8;
    (f64::from(code) == value).then_some(code)
}

impl Values {
    /// Keeps codes where every value is one.
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        match values.clone().map(code).collect() {
            Some(codes) => Values::Codes(codes),
            None => Values::Reals(values.collect()),
        }
    }

    /// The values as reals.
    pub(super) fn reals(&self) -> Vec<f64> {
        match self {
            Values::Codes(codes) => codes.iter().map(|&v| v.into()).collect(),
            Values::Reals(reals) => reals.clone(),
        }
    }
}

/// Reads the content of a `.npy` file; `place` names it in errors.
pub(super) fn parse(data: &[u8], place: &str) -> Result<Array, Error> {
    let damaged = |what: String| Error::content(place, what, "write it again with numpy.save or numpy.savez");
    let header_end = header_end(data).map_err(&damaged)?;
    let header = Header::from_reader(&mut &data[..header_end]).map_err(|e| damaged(one_line(e)))?;
    let descriptor = header.type_descriptor.as_string().cloned().unwrap_or_default();
    let (kind, size) = descriptor.split_at_checked(2).unwrap_or_default();
    let size: u128 = size.parse().unwrap_or(0);
    // Parsed integers are small, so only the number of dimensions could overflow.
    let claimed = header.shape.iter().try_fold(size, |n, &d| n.checked_mul(d as u128)).unwrap_or(u128::MAX);
    let held = (data.len() - header_end) as u128;
    let numeric = kind.ends_with(['b', 'u', 'i', 'f']) && size != 0;
    if numeric && claimed != held {
        let what =
            format!("the header claims {:?} of {descriptor}, the file holds {held} bytes", header.shape);
        return Err(damaged(what));
    }
    let values = match (kind, size) {
        ("|b", 1) => values::<bool>(data, |v| f64::from(u8::from(v))),
        ("|u", 1) => values::<u8>(data, f64::from),
        ("|i", 1) => values::<i8>(data, f64::from),
        ("<u" | ">u", 2) => values::<u16>(data, f64::from),
        ("<i" | ">i", 2) => values::<i16>(data, f64::from),
        ("<u" | ">u", 4) => values::<u32>(data, f64::from),
        ("<i" | ">i", 4) => values::<i32>(data, f64::from),
        // Beyond 2^53 neighbours fall together, far below the 8 bits that will be left.
        ("<u" | ">u", 8) => values::<u64>(data, |v| v as f64),
        ("<i" | ">i", 8) => values::<i64>(data, |v| v as f64),
        ("<f" | ">f", 4) => values::<f32>(data, f64::from),
        ("<f" | ">f", 8) => values::<f64>(data, |v| v),
        _ => {
            let what = format!("element type {}", show(&format!("{}", header.type_descriptor)));
            let fix =
                "use bool, int8 to int64, uint8 to uint64, float32 or float64, e.g. with .astype('float32')";
            return Err(Error::content(place, what, fix));
        }
    };
    Ok(Array { values: values.map_err(damaged)?, shape: header.shape })
}

/// Reads the elements in row-major order, whatever the order in the file. The header agrees with the length of `data`.
fn values<T: ReadableElement + Copy>(data: &[u8], real: fn(T) -> f64) -> Result<Values, String> {
    let array = ArrayD::<T>::read_npy(data).map_err(one_line)?;
    Ok(Values::of(array.iter().map(|&v| real(v))))
}

/// Where the header ends, if it is one that is safe to parse: short and not nested.
fn header_end(data: &[u8]) -> Result<usize, String> {
    if data.len() < 12 || &data[..6] != b"\x93NUMPY" {
        let start = String::from_utf8_lossy(&data[..data.len().min(6)]).into_owned();
        return Err(format!("starts with {} instead of the magic \\x93NUMPY", show(&start)));
    }
    let (start, length) = match data[6] {
        1 => (10, u32::from(u16::from_le_bytes([data[8], data[9]]))),
        _ => (12, u32::from_le_bytes([data[8], data[9], data[10], data[11]])),
    };
    let end = start + length as usize;
    if length as usize > MOST_HEADER || end > data.len() {
        return Err(format!("a header of {length} bytes in a file of {}", data.len()));
    }
    let brackets = data[start..end].iter().filter(|b| b"([{".contains(b)).count();
    if brackets > 2 {
        return Err(format!("{brackets} opening brackets in the header, that of a numeric array has 2"));
    }
    Ok(end)
}

/// An `.npz` archive.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    place: String,
}

impl Archive {
    /// Opens an archive.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, &e))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| {
            let what = format!("not a whole zip archive ({})", one_line(e));
            Error::content(at(path), what, "write it again with numpy.savez")
        })?;
        Ok(Archive { zip, place: at(path) })
    }

    /// Names of the arrays, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        // A name that cannot be decoded is none of those asked for.
        let names = self.zip.file_names().filter_map(Result::ok);
        let mut names: Vec<String> =
            names.map(|n| n.strip_suffix(".npy").unwrap_or(&n).to_string()).collect();
        names.sort();
        names
    }

    /// Reads an array.
    pub(super) fn array(&mut self, name: &str) -> Result<Array, Error> {
        let place = format!("{}, array {name}", self.place);
        let damaged = |e: &dyn std::fmt::Display| {
            Error::content(&place, format!("damaged ({})", one_line(e)), "write it again with numpy.savez")
        };
        let entry = format!("{name}.npy");
        let entry = if self.zip.index_for_name(name).is_some() { name } else { &entry };
        let file = self.zip.by_name(entry).map_err(|e| damaged(&e))?;
        let mut data = Vec::new();
        file.take(MOST_BYTES + 1).read_to_end(&mut data).map_err(|e| damaged(&e))?;
        if data.len() as u64 > MOST_BYTES {
            let what = format!("more than {MOST_BYTES} bytes");
            return Err(Error::content(place, what, "use fewer samples, or bytes instead of floats"));
        }
        parse(&data, &place)
    }
}
