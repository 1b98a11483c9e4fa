//! What can be wrong with a data set.

use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Why a data set cannot be used. Every message is one line: place, value, fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is neither a known set nor a file of a known kind.
    #[error(
        "data set {0}: unknown; use mnist, fashion-mnist, cifar10, optdigits, digits, or a path ending in .npz, .npy or .csv"
    )]
    Unknown(String),
    /// A file is nowhere to be found.
    #[error("{what}: not found; {fix}")]
    Missing {
        /// The file or directory.
        what: String,
        /// Where to put it or which option to give.
        fix: String,
    },
    /// The operating system refused.
    #[error("{path}: {reason}; check that it exists and that its permissions allow the access")]
    Io {
        /// The file or directory.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// A file is damaged, of another kind, or its content cannot be learned from.
    #[error("{place}: {what}; {fix}")]
    Content {
        /// File, and where in it.
        place: String,
        /// The value found there.
        what: String,
        /// What would be right.
        fix: String,
    },
    /// The content of a file is not the published one.
    #[error("{file}: sha256 of the uncompressed data is {found}, expected {expected}; {fix}")]
    Checksum {
        /// Path or address.
        file: String,
        /// Hexadecimal digest of what was read.
        found: String,
        /// Hexadecimal digest of the published data.
        expected: String,
        /// What to do about it.
        fix: String,
    },
    /// A file could not be fetched from the network.
    #[error("{url}: {reason}; check the network, or give the files with --data-dir DIR or STERNA_DATA=DIR")]
    Download {
        /// The address tried last.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// An option or a size given by the user makes no sense.
    #[error("{option} {value}: {fix}")]
    Option {
        /// Name of the option.
        option: String,
        /// Its value.
        value: String,
        /// What is allowed.
        fix: String,
    },
}

/// Longest piece of a file's text that an error repeats, in characters.
const SHOWN: usize = 60;

/// Text from outside, made fit for one line: escaped and cut.
pub(super) fn show(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push_str("...");
    }
    format!("\"{out}\"")
}

/// A message of a library, its line breaks removed.
pub(super) fn one_line(message: impl Display) -> String {
    message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A path as shown in errors: control characters escaped, never cut.
pub(super) fn at(path: &Path) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    path.to_string_lossy().chars().map(escape).collect()
}

impl Error {
    pub(super) fn content(place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Error::Content { place: place.into(), what: what.into(), fix: fix.into() }
    }

    pub(super) fn missing(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Error::Missing { what: what.into(), fix: fix.into() }
    }

    pub(super) fn io(path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Error::Io { path: at(&path.into()), reason: one_line(error) }
    }
}
