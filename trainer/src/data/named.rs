//! The published sets: their files, checksums and mirrors, and the search for a file on this machine.

use std::path::{Path, PathBuf};

use super::error::at;
use super::{Error, Options, bytes, fetch};

/// A published set.
#[derive(Debug)]
pub(super) struct Named {
    /// Name given by the user, and of the folder that holds the files.
    pub name: &'static str,
    /// Files of the set, in an order its reader knows.
    pub files: &'static [File],
    /// Address prefixes, tried in order.
    pub mirrors: &'static [&'static str],
}

/// One file of a published set.
#[derive(Debug)]
pub(super) struct File {
    /// Name, of compressed data without `.gz`.
    pub name: &'static str,
    /// How the mirrors carry it.
    pub form: Form,
    /// Size of what the checksum is of.
    pub bytes: u64,
    /// SHA-256; of compressed data of the uncompressed, because mirrors compress differently.
    pub sha256: &'static str,
}

/// How a file is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// Compressed data, with `.gz` behind its name.
    Gzip,
    /// An archive that stays packed.
    Archive,
}

const fn gz(name: &'static str, bytes: u64, sha256: &'static str) -> File {
    File { name, form: Form::Gzip, bytes, sha256 }
}

impl File {
    /// The content of this file at `path`, refused when longer than the published one.
    pub(super) fn content(&self, path: &Path) -> Result<Vec<u8>, Error> {
        match self.form {
            Form::Archive => bytes::raw(path, self.bytes),
            Form::Plain | Form::Gzip => bytes::read(path, self.bytes),
        }
    }
}

/// MNIST: LeCun, Cortes, Burges, "The MNIST database of handwritten digits". Files: training images and labels, test
/// images and labels.
pub(super) const MNIST: Named = Named {
    name: "mnist",
    files: &[
        gz(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        gz(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        gz(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        gz(
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ],
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
};

/// Fashion-MNIST: Xiao, Rasul, Vollgraf, arXiv:1708.07747. Files as for [`MNIST`].
pub(super) const FASHION_MNIST: Named = Named {
    name: "fashion-mnist",
    files: &[
        gz(
            "train-images-idx3-ubyte",
            47_040_016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        gz(
            "train-labels-idx1-ubyte",
            60_008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        gz(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        gz(
            "t10k-labels-idx1-ubyte",
            10_008,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ],
    mirrors: &[
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
};

/// UCI optical recognition of handwritten digits (Alpaydin, Kaynak). Files: training rows, test rows.
pub(super) const OPTDIGITS: Named = Named {
    name: "optdigits",
    files: &[
        File {
            name: "optdigits.tra",
            form: Form::Plain,
            bytes: 563_639,
            sha256: "e1b683cc211604fe8fd8c4417e6a69f31380e0c61d4af22e93cc21e9257ffedd",
        },
        File {
            name: "optdigits.tes",
            form: Form::Plain,
            bytes: 264_712,
            sha256: "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
        },
    ],
    mirrors: &["https://archive.ics.uci.edu/ml/machine-learning-databases/optdigits/"],
};

/// CIFAR-10, binary version: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. One archive.
pub(super) const CIFAR10: Named = Named {
    name: "cifar10",
    files: &[File {
        name: "cifar-10-binary.tar.gz",
        form: Form::Archive,
        bytes: 170_052_171,
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    }],
    mirrors: &["https://www.cs.toronto.edu/~kriz/"],
};

/// The content of a file of a set, and where it was found.
///
/// A file in the folder `data_dir/NAME` is the user's word that it belongs to the set (a subset will do); one directly
/// in `data_dir`, or in the cache, must have the published checksum: MNIST and Fashion-MNIST share file names.
pub(super) fn read(
    set: &Named,
    file: &File,
    options: &Options,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<(Vec<u8>, PathBuf), Error> {
    if let Some(dir) = data_dir(options)? {
        if let Some(path) = find(&dir.join(set.name), file.name) {
            return Ok((file.content(&path)?, path));
        }
        if let Some(path) = find(dir, file.name) {
            let fix = format!("put the files of {0} into a folder named {0}", set.name);
            return Ok((verified(&path, file, &fix)?, path));
        }
    }
    let cache = cache_dir(options)?.join(set.name);
    if let Some(path) = find(&cache, file.name) {
        return Ok((verified(&path, file, "delete the file, to have it fetched again")?, path));
    }
    if options.offline {
        let places =
            options.data_dir.iter().map(|d| at(d)).chain([at(&cache)]).collect::<Vec<_>>().join(" and ");
        let what = format!("{} of {} (looked in {places})", file.name, set.name);
        return Err(Error::missing(
            what,
            "give its folder with --data-dir DIR or STERNA_DATA=DIR, or allow the network by leaving out --offline",
        ));
    }
    let path = cache.join(on_mirror(file));
    let urls: Vec<String> = set.mirrors.iter().map(|m| format!("{m}{}", on_mirror(file))).collect();
    let what = format!("{} {}", set.name, file.name);
    let data = fetch::fetch(&urls, &path, file, &fetch::LIMITS, &|done, total| progress(&what, done, total))?;
    Ok((data, path))
}

/// The user's directory of data, which must exist if there is one.
pub(super) fn data_dir(options: &Options) -> Result<Option<&Path>, Error> {
    match &options.data_dir {
        Some(dir) if !dir.is_dir() => {
            let what = format!("data directory {}", at(dir));
            Err(Error::missing(what, "give an existing one with --data-dir DIR or STERNA_DATA=DIR"))
        }
        dir => Ok(dir.as_deref()),
    }
}

/// File name on the mirrors and in the cache.
fn on_mirror(file: &File) -> String {
    if file.form == Form::Gzip { format!("{}.gz", file.name) } else { file.name.to_string() }
}

/// The file of this name in `dir`, or that with the ending of a compression.
pub(super) fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    [".gz", ".xz", ""].iter().map(|ending| dir.join(format!("{name}{ending}"))).find(|p| p.is_file())
}

/// The content of a file that must be the published one.
fn verified(path: &Path, file: &File, fix: &str) -> Result<Vec<u8>, Error> {
    let data = file.content(path)?;
    let found = bytes::sha256(&data);
    if found != file.sha256 {
        let expected = file.sha256.to_string();
        return Err(Error::Checksum { file: at(path), found, expected, fix: fix.to_string() });
    }
    Ok(data)
}

/// The directory of downloads.
fn cache_dir(options: &Options) -> Result<PathBuf, Error> {
    match &options.cache_dir {
        Some(dir) => Ok(dir.clone()),
        None => dirs::cache_dir().map(|d| d.join("sterna")).ok_or_else(|| {
            Error::missing("the user's cache directory", "set HOME, or give the files with --data-dir DIR")
        }),
    }
}
