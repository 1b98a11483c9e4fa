//! Files: read with the path in every error, written whole or not at all.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use sterna_ir::{Network, Range, Ranges, Task, format};
use sterna_onnx::{Import, InputCodes, Options, Ternarise};

/// Widest samples of an imported model: each of their values is looked at.
const MOST_INPUT_BITS: u32 = 16;

/// Bytes of the largest model: what its format allows.
const MOST_MODEL: u64 = i32::MAX as u64;

/// Name of the note in which a model keeps what its numbers stand for; a model that has it was exported here.
pub const TASK: &str = "sterna.task";

/// Files as names and contents.
pub type Files = Vec<(String, Vec<u8>)>;

/// Reads a text file; an error names the path.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes).map_err(|e| anyhow::anyhow!("{}: not text: {}", path.display(), e.utf8_error()))
}

/// Reads a network file: the network, and what its numbers stand for.
pub fn read_network(path: &Path) -> Result<(Network, Task)> {
    if path.is_dir() {
        bail!("{} is a folder; give a network file, in a build folder network.sterna", path.display());
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        let hint = match path.extension().and_then(|e| e.to_str()) {
            Some("npy") => "a bare matrix is for compile and estimate, with --input s8 or its like",
            Some("onnx") => "sterna import makes one of a model of ONNX or QONNX",
            _ => "give one that train or import wrote",
        };
        bail!("{}: no network file; {hint}", path.display());
    };
    format::read(text).with_context(|| path.display().to_string())
}

/// Reads a matrix of small integers, `[inputs, outputs]`, as the network `y = x @ matrix` over inputs in their `ranges`.
pub fn read_matrix(path: &Path, ranges: impl Into<Ranges>) -> Result<Network> {
    let place = || path.display().to_string();
    let (shape, values) = sterna_trainer::data::read_matrix(path)?;
    if let Some(at) = values.iter().position(|v| v.fract() != 0.0) {
        bail!("{}: weights, value {at} is {}; want integers", place(), values[at]);
    }
    let values: Vec<i64> = values.iter().map(|v| *v as i64).collect();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    matrix(&name, shape, &values, ranges).with_context(place)
}

/// The network of a matrix, given row by row.
pub fn matrix(
    name: &str,
    [inputs, outputs]: [usize; 2],
    values: &[i64],
    ranges: impl Into<Ranges>,
) -> Result<Network> {
    let small = |(at, v): (usize, &i64)| {
        i16::try_from(*v).map_err(|_| anyhow::anyhow!("weights, value {at} is {v}; want -32768 to 32767"))
    };
    let weights = values.iter().enumerate().map(small).collect::<Result<Vec<i16>>>()?;
    let by_output = (0..outputs).flat_map(|o| weights.iter().skip(o).step_by(outputs).copied()).collect();
    Ok(sterna_hdl::matrix::network(name, inputs, outputs, by_output, ranges)?)
}

/// Reads a model of ONNX or QONNX as a network, by default named after the file, or as it was when this program exported it;
/// `scores` ends it with the scores instead of the class. `input` says which integers samples consist of, and the model's
/// values of a step and of 0, as decimals or fractions; without it samples are the codes of the model's own quantiser.
/// `ternarise` makes weights of floats ternary.
pub fn read_model(
    path: &Path,
    input: Option<(Range, &str, &str)>,
    name: Option<&str>,
    scores: bool,
    ternarise: Option<Ternarise>,
) -> Result<(Import, Task)> {
    let place = || path.display().to_string();
    let unreadable = || format!("cannot read {}", place());
    // A device would be read without end.
    let data = fs::metadata(path).with_context(unreadable)?;
    ensure!(data.is_file(), "{} is no file; give a model file", place());
    ensure!(data.len() <= MOST_MODEL, "{}: {} bytes; a model has at most {MOST_MODEL}", place(), data.len());
    let bytes = fs::read(path).with_context(unreadable)?;
    let model = sterna_onnx::parse_in(&bytes, parent(path)).with_context(place)?;
    let codes = |(range, scale, offset): (Range, &str, &str)| {
        ensure!(
            range.lo <= range.hi && range.width() <= MOST_INPUT_BITS,
            "input range {range}: want at most {MOST_INPUT_BITS} bits, the lower end first"
        );
        let numbers = || format!("--scale {scale} --offset {offset}: want numbers such as 0.5 or 1/255");
        InputCodes::new(range, scale, offset).with_context(numbers)
    };
    let task = model.note(TASK).map(serde_json::from_str::<Task>).transpose().with_context(place)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    // Only a name that was given by hand says more than the file's.
    let given = name.or(task.as_ref().map(|_| model.name()));
    let name = Some(given.unwrap_or(&stem).to_string());
    let options = Options { name, input: input.map(codes).transpose()?, scores, ternarise };
    let import = sterna_onnx::import(&model, &options).with_context(place)?;
    let task = task.unwrap_or_default();
    task.check(&import.network).with_context(place)?;
    Ok((import, task))
}

/// Writes a file through a temporary in the same folder, so that it is whole or absent. A file that holds these bytes
/// already is left alone: build tools look at its time.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    ensure_regular(path)?;
    // A link stays one; what it points to is replaced.
    let target = fs::canonicalize(path);
    let path = target.as_deref().unwrap_or(path);
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = parent(path);
    let fail = || format!("cannot write {}", path.display());
    let mut file = temporary(folder).with_context(fail)?;
    file.write_all(bytes).with_context(fail)?;
    set_mode(file.path(), 0o644).with_context(fail)?;
    file.persist(path).with_context(fail)?;
    Ok(())
}

/// Writes an output that the user named, as [`write()`] does. A file there is replaced only if it is of the same kind.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    ensure_replaceable(path, start(bytes))?;
    write(path, bytes)
}

/// Says early that the file at `path`, if there is one, does not begin as the output does that shall replace it.
pub fn ensure_replaceable(path: &Path, beginning: &[u8]) -> Result<()> {
    // A pipe would be read without end.
    ensure_regular(path)?;
    let mut old = Vec::new();
    if let Ok(file) = fs::File::open(path) {
        file.take(16).read_to_end(&mut old).with_context(|| format!("cannot read {}", path.display()))?;
    }
    if !old.is_empty() && !start(&old).starts_with(beginning) {
        bail!("{} exists and holds something else; give another name, or remove it", path.display());
    }
    Ok(())
}

/// What tells the kind of a file. A safetensors file begins with the length of its header.
fn start(bytes: &[u8]) -> &[u8] {
    let bytes = if bytes.get(8) == Some(&b'{') { &bytes[8..] } else { bytes };
    &bytes[..bytes.len().min(8)]
}

/// Devices, pipes and folders cannot be replaced by a file.
fn ensure_regular(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(data) if data.is_dir() => {
            bail!("cannot write {}: it is a folder; give a file name", path.display())
        }
        Ok(data) if !data.is_file() => bail!("cannot write {}: it is no regular file", path.display()),
        _ if path.as_os_str() == "-" => bail!("cannot write to standard output; give a file name"),
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A temporary file in `folder`. Its name means nothing to the user, so the error leaves it out.
fn temporary(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".sterna-").tempfile_in(folder).map_err(|e| e.kind().into())
}

/// Says early that `path` cannot be written, before minutes of work are lost. Its folder is made when it is missing.
pub fn ensure_writable(path: &Path) -> Result<()> {
    ensure_regular(path)?;
    let fail = || format!("cannot write {}: its folder must be writable", path.display());
    fs::create_dir_all(parent(path)).with_context(fail)?;
    temporary(parent(path)).with_context(fail)?;
    Ok(())
}

/// Says early that a network cannot be written to `path`; a file there that is none is not replaced.
pub fn ensure_network(path: &Path) -> Result<()> {
    ensure_writable(path)?;
    let old = fs::read(path).unwrap_or_default();
    if !old.is_empty() && !format::is_network(&old) {
        bail!("{} exists and is no network file; choose another with -o", path.display());
    }
    Ok(())
}

/// Writes a folder of files. `marker` is the file that shows a folder was made by us; it is written last. In an existing
/// folder the files that the old marker's writer `owned` and that are not written again are removed; all others stay.
pub fn write_folder(path: &Path, marker: &str, owned: &[String], files: &[(String, Vec<u8>)]) -> Result<()> {
    let fail = || format!("cannot write {}", path.display());
    if path.exists() && !path.join(marker).is_file() {
        let empty = path.is_dir() && fs::read_dir(path).with_context(fail)?.next().is_none();
        if !empty {
            bail!(
                "{} exists and is no build folder (it has no {marker}); choose another with -o",
                path.display()
            );
        }
    }
    fs::create_dir_all(path).with_context(fail)?;
    for stale in owned.iter().filter(|name| files.iter().all(|(new, _)| new != *name)) {
        // A name from a file must not lead out of the folder.
        if Path::new(stale).file_name().is_some_and(|f| f == stale.as_str()) && path.join(stale).is_file() {
            fs::remove_file(path.join(stale)).with_context(fail)?;
        }
    }
    let (last, others): (Vec<_>, Vec<_>) = files.iter().partition(|(name, _)| name == marker);
    for (name, bytes) in others.into_iter().chain(last) {
        write(&path.join(name), bytes)?;
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}
