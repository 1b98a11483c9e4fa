//! Reading files that may be gzip, without believing any size they claim.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::Error;
use super::error::{at, one_line};

/// First bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The content of a file, uncompressed where it was gzip. Files of more than `limit` bytes are refused; memory grows
/// with what is really there.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let mut head = Vec::new();
    (&mut file).take(2).read_to_end(&mut head).map_err(|e| Error::io(path, &e))?;
    let gzip = head == GZIP;
    let whole = BufReader::new(head.as_slice().chain(file));
    let data = if gzip { read_up_to(MultiGzDecoder::new(whole), limit) } else { read_up_to(whole, limit) };
    let data = data.map_err(|e| {
        let what = if gzip { "damaged or truncated gzip" } else { "unreadable" };
        Error::content(at(path), format!("{what} ({})", one_line(e)), "fetch the file again")
    })?;
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

/// Hexadecimal SHA-256.
pub(super) fn sha256(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|b| format!("{b:02x}")).collect()
}
