//! Reading files that may be gzip or xz, without believing any size they claim.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use sha2::{Digest, Sha256};

use super::Error;
use super::error::{at, one_line};

/// First bytes of a gzip file (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];
/// First bytes of an xz file (The .xz File Format, section 2.1.1.1).
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// Most memory, in KiB, that unpacking an xz file may take: what its header asks for, beyond the largest preset of the tool.
const XZ_MEMORY: u32 = 128 << 10;

/// The content of a file, uncompressed where it was gzip or xz. Files of more than `limit` bytes are refused; memory grows
/// with what is really there.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let mut head = Vec::new();
    (&mut file).take(XZ.len() as u64).read_to_end(&mut head).map_err(|e| Error::io(path, &e))?;
    let whole = BufReader::new(head.as_slice().chain(file));
    let (data, what) = if head.starts_with(GZIP) {
        (read_up_to(MultiGzDecoder::new(whole), limit), "damaged or truncated gzip")
    } else if head == XZ {
        (read_up_to(XzReader::new_mem_limit(whole, true, XZ_MEMORY), limit), "damaged or truncated xz")
    } else {
        (read_up_to(whole, limit), "unreadable")
    };
    let data = data
        .map_err(|e| Error::content(at(path), format!("{what} ({})", one_line(e)), "fetch the file again"))?;
    if data.len() as u64 > limit {
        let what = format!("more than {limit} bytes uncompressed");
        return Err(Error::content(at(path), what, format!("give a file of at most {limit} bytes")));
    }
    Ok(data)
}

/// Reads to the end, but at most one byte more than `limit`.
fn read_up_to(reader: impl Read, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut data)?;
    Ok(data)
}

/// The bytes of a file as they are; as [`read`] otherwise.
pub(super) fn raw(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let data = read_up_to(file, limit).map_err(|e| Error::io(path, &e))?;
    if data.len() as u64 > limit {
        let what = format!("more than {limit} bytes");
        return Err(Error::content(at(path), what, "fetch the file again"));
    }
    Ok(data)
}

/// Hexadecimal SHA-256.
pub(super) fn sha256(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|b| format!("{b:02x}")).collect()
}
