//! Fetching a file of a published set: to a temporary, checked, then renamed.

use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use super::error::{at, one_line};
use super::named::{File, Form};
use super::{Error, bytes};

/// How long to wait for a mirror, and whether it must be encrypted.
pub(super) struct Limits {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest silence, before the first byte and between bytes.
    pub silence: Duration,
    /// Longest time for a whole file.
    pub whole: Duration,
    /// Refuse plain http.
    pub https_only: bool,
}

/// Patient enough for a slow line, short enough to notice a dead one.
pub(super) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(15),
    silence: Duration::from_secs(30),
    whole: Duration::from_secs(1800),
    https_only: true,
};

/// Fetches a file from the first of `urls` that has the right data, keeps it at `path` as it came, and gives the
/// uncompressed content. Where all fail, the error of the last one; no partial file stays.
pub(super) fn fetch(
    urls: &[String],
    path: &Path,
    file: &File,
    limits: &Limits,
    progress: &dyn Fn(u64, u64),
) -> Result<Vec<u8>, Error> {
    let dir = path.parent().expect("a file in the cache directory");
    std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, &e))?;
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(limits.connect))
        .timeout_recv_response(Some(limits.silence))
        .timeout_per_read(Some(limits.silence))
        .timeout_global(Some(limits.whole))
        .https_only(limits.https_only)
        .build()
        .into();
    let mut last = None;
    for url in urls {
        match fetch_one(&agent, url, path, dir, file, progress) {
            Ok(data) => return Ok(data),
            // A full or unwritable disk is no fault of the mirror.
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("every set has a mirror"))
}

fn fetch_one(
    agent: &ureq::Agent,
    url: &str,
    path: &Path,
    dir: &Path,
    file: &File,
    progress: &dyn Fn(u64, u64),
) -> Result<Vec<u8>, Error> {
    let failed = |reason: String| Error::Download { url: url.to_string(), reason };
    // A gzip file does not outgrow its content by more than its frame.
    let most = if file.form == Form::Gzip { file.bytes + file.bytes / 100 + 1024 } else { file.bytes };
    // The files are gzip themselves; a transfer encoding on top would be undone by the client and change the bytes.
    let request = agent.get(url).header("accept-encoding", "identity");
    let mut response = request.call().map_err(|e| failed(one_line(e)))?;
    let total = response.body().content_length().unwrap_or(0);
    let mut temporary = tempfile::NamedTempFile::new_in(dir).map_err(|e| Error::io(dir, &e))?;
    let mut reader = response.body_mut().with_config().limit(most + 1).reader();
    let (mut buffer, mut done) = (vec![0; 1 << 16], 0u64);
    loop {
        let n = reader
            .read(&mut buffer)
            .map_err(|e| failed(format!("broke off after {done} bytes ({})", one_line(e))))?;
        if n == 0 {
            break;
        }
        done += n as u64;
        if done > most {
            return Err(failed(format!("sends more than the {most} bytes that {} can have", file.name)));
        }
        temporary.write_all(&buffer[..n]).map_err(|e| Error::io(temporary.path(), &e))?;
        progress(done, total);
    }
    if total != 0 && done != total {
        return Err(failed(format!("broke off after {done} of {total} bytes")));
    }
    temporary.flush().map_err(|e| Error::io(temporary.path(), &e))?;
    let data = file.content(temporary.path()).map_err(|e| match e {
        // The temporary's name means nothing to the user.
        Error::Content { what, .. } => failed(what),
        other => other,
    })?;
    let found = bytes::sha256(&data);
    if found != file.sha256 {
        let fix = format!("fetch it elsewhere and put it at {}", at(path));
        return Err(Error::Checksum { file: url.to_string(), found, expected: file.sha256.to_string(), fix });
    }
    temporary.persist(path).map_err(|e| Error::io(path, &e.error))?;
    Ok(data)
}
