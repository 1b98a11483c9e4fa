//! Checkpoints: everything that the rest of a training depends on, in one file that is replaced in one move.
//!
//! Layout: the magic bytes, a version (`u32`, little endian), the SHA-256 of what follows, then the state in postcard's
//! encoding. All randomness of an epoch derives from the seed and the epoch's number, so no generator state is stored.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{Config, Teacher, TeacherSource};
use crate::data::Dataset;
use crate::net::Net;
use crate::train::EpochRecord;
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"STERNACP";
const VERSION: u32 = 4;
const HEADER: usize = 8 + 4 + 32;

/// Where and how often to write checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The file.
    pub path: PathBuf,
    /// Epochs between writes; at least 1.
    pub every: usize,
    /// Continue from the file when it exists; otherwise it is replaced.
    pub resume: bool,
}

/// State between two epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// SHA-256 of configuration and data.
    pub identity: [u8; 32],
    /// What is trained and how, for those who read the network from here.
    pub config: Config,
    /// Epochs done.
    pub epoch: usize,
    /// Parameters and the memory of their update rule.
    pub net: Net,
    /// Running average of the parameters, where one is kept.
    pub average: Option<Net>,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// All epochs so far.
    pub history: Vec<EpochRecord>,
}

impl State {
    /// The parameters that count: their running average, where one is kept.
    pub fn judged(&self) -> &Net {
        self.average.as_ref().unwrap_or(&self.net)
    }
}

/// The parameters to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Validation accuracy; 0 where it did not count.
    pub accuracy: f64,
    /// The parameters.
    pub net: Net,
}

/// Digest of everything that decides a training: a checkpoint of another one must not be resumed.
pub(crate) fn identity(dataset: &Dataset, config: &Config) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    if let Some(Teacher { source: TeacherSource::Saved { path }, .. }) = &config.teacher {
        hash.update(Sha256::digest(contents(path)?));
    }
    hash.update(serde_json::to_vec(config).expect("a configuration is plain data"));
    hash.update(format!("{:?} {:?} {}", dataset.shape, dataset.range, dataset.classes));
    hash.update((dataset.train.y.len() as u64).to_le_bytes());
    hash.update(&dataset.train.y);
    for row in dataset.train.x.rows() {
        hash.update(row.to_vec());
    }
    Ok(hash.finalize().into())
}

/// Configuration and kept parameters of the training that wrote the checkpoint at `path`.
pub(crate) fn load(path: &Path) -> Result<(Config, Net)> {
    let state = decode(path, &contents(path)?)?;
    match state.best {
        Some(best) => Ok((state.config, best.net)),
        None => fail(path, "holds no finished epoch; train longer"),
    }
}

fn fail<T>(path: &Path, what: &str) -> Result<T> {
    Err(Error::Checkpoint { path: path.to_path_buf(), what: what.to_string() })
}

fn contents(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).or_else(|e| fail(path, &format!("cannot read ({e})")))
}

/// Writes to a temporary in the same folder, then renames: a reader sees the old file or the new one.
pub(crate) fn write(path: &Path, state: &State) -> Result<()> {
    let fail = |what: String| Error::Checkpoint { path: path.to_path_buf(), what };
    let body = postcard::to_allocvec(state).map_err(|e| fail(format!("cannot encode: {e}")))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let store = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&Sha256::digest(&body))?;
        file.write_all(&body)?;
        file.as_file().sync_all()?;
        readable(file.as_file())?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    store().map_err(|e| fail(format!("cannot write ({e}); choose a writable folder")))
}

/// Temporary files are private; a checkpoint is like any other file.
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    Ok(())
}

/// Reads a checkpoint of the training with this `identity`; `None` when there is no file.
pub(crate) fn read(path: &Path, identity: &[u8; 32]) -> Result<Option<State>> {
    if matches!(fs::exists(path), Ok(false)) {
        return Ok(None);
    }
    let state = decode(path, &contents(path)?)?;
    if state.identity != *identity {
        return fail(
            path,
            "belongs to a training with other settings or other data; use those, or another file",
        );
    }
    Ok(Some(state))
}

fn decode(path: &Path, bytes: &[u8]) -> Result<State> {
    if bytes.len() < HEADER || bytes[..8] != *MAGIC {
        return fail(path, "not a checkpoint, or cut short; delete it to start again");
    }
    let version = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
    if version != VERSION {
        let what =
            format!("version {version}; this program reads version {VERSION}; delete it to start again");
        return fail(path, &what);
    }
    if Sha256::digest(&bytes[HEADER..])[..] != bytes[12..HEADER] {
        return fail(path, "damaged: its content does not match its checksum; delete it to start again");
    }
    postcard::from_bytes::<State>(&bytes[HEADER..])
        .or_else(|_| fail(path, "damaged: its content cannot be decoded; delete it to start again"))
}
