//! Data of tensors that lies in files beside the model.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use crate::error::shown;
use crate::proto::Entry;

/// Reads the `size` bytes that `entries` point to. The file must lie in `folder`: a model must not make its reader open files
/// elsewhere, neither by `..` nor by a link.
pub fn read(entries: &[Entry], size: usize, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    let folder = folder.ok_or("its data is in another file; read the model from its folder")?;
    let entry = |key: &str| {
        let found = entries.iter().find(|e| e.key.as_deref() == Some(key));
        found.and_then(|e| e.value.as_deref())
    };
    let location = entry("location").ok_or("external data without a location")?;
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => {
            text.parse::<u64>().map(Some).map_err(|_| format!("{key} {:?}; want a number", shown(text)))
        }
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    if length.is_some_and(|n| n != size as u64) {
        return Err(format!("{} bytes of external data; its dimensions need {size}", length.unwrap_or(0)));
    }
    let place = shown(location);
    let outside = || format!("external data {place:?} lies outside the model's folder; move it there");
    let is_inside =
        Path::new(location).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !is_inside {
        return Err(outside());
    }
    let fail = |e: std::io::Error| format!("external data {place:?}: {}", e.kind());
    let path = folder.join(location).canonicalize().map_err(fail)?;
    if !path.starts_with(folder.canonicalize().map_err(fail)?) {
        return Err(outside());
    }
    let mut file = File::open(path).map_err(fail)?;
    let have = file.metadata().map_err(fail)?;
    if !have.is_file() || have.len() < offset.saturating_add(size as u64) {
        return Err(format!("external data {place:?} ends before byte {offset} + {size}"));
    }
    let mut bytes = vec![0; size];
    file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(fail)?;
    Ok(bytes)
}
