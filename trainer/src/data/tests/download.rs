//! Downloads from a server on this machine.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::super::fetch::{Limits, fetch};
use super::super::named::{File, Form};
use super::*;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    silence: Duration::from_millis(300),
    whole: Duration::from_secs(5),
    https_only: false,
};

/// Answers one request for each response given, whole as written; an empty one is never answered. Returns the address.
fn serve(responses: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/file", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for response in responses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            // A client that has seen enough may close the connection first.
            let _ = stream.write_all(&response);
            if response.is_empty() {
                silent.push(stream);
            }
        }
        std::thread::sleep(2 * LIMITS.silence);
    });
    address
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

const DATA: &[u8] = b"twelve bytes";
const WANTED: File = File {
    name: "file",
    form: Form::Gzip,
    bytes: DATA.len() as u64,
    sha256: "d4ce2c527afe674c7a086bd74e256019e3d5dcdb31eeb6eaadef5ada8c4383b9",
};

/// Fetches with these responses; returns the result, the cached file, and what else lies in the cache.
fn attempt(responses: Vec<Vec<u8>>) -> (Result<Vec<u8>, Error>, Option<Vec<u8>>, usize) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("set/file.gz");
    let urls = vec![serve(responses.clone()); responses.len()];
    let result = fetch(&urls, &path, &WANTED, &LIMITS, &|_, _| ());
    let kept = std::fs::read(&path).ok();
    let others = std::fs::read_dir(dir.path().join("set")).unwrap().count() - usize::from(kept.is_some());
    (result, kept, others)
}

#[test]
fn good_data_is_kept_as_it_came() {
    assert_eq!(bytes::sha256(DATA), WANTED.sha256);
    for body in [DATA.to_vec(), gzip(DATA)] {
        let (result, kept, others) = attempt(vec![ok(&body)]);
        assert_eq!((result.unwrap().as_slice(), kept.unwrap(), others), (DATA, body, 0));
    }
}

#[test]
fn progress_reaches_the_total() {
    let dir = TempDir::new().unwrap();
    let seen = std::cell::RefCell::new(Vec::new());
    let url = serve(vec![ok(DATA)]);
    fetch(&[url], &dir.path().join("f"), &WANTED, &LIMITS, &|done, total| {
        seen.borrow_mut().push((done, total))
    })
    .unwrap();
    assert_eq!(seen.into_inner().last(), Some(&(12, 12)));
}

#[test]
fn another_mirror_is_tried() {
    let (result, kept, _) = attempt(vec![status("404 Not Found"), ok(b"something else"), ok(DATA)]);
    assert_eq!(result.unwrap(), DATA);
    assert_eq!(kept.unwrap(), DATA);
}

#[test]
fn bad_answers_leave_nothing_behind() {
    let mut cut = ok(DATA);
    cut.truncate(cut.len() - 5);
    let squeezed = gzip(DATA);
    let endless = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(), &[7; 100_000]].concat();
    let cases: &[(Vec<u8>, &[&str])] = &[
        (status("404 Not Found"), &["404", "network", "--data-dir", "STERNA_DATA"]),
        (status("500 Internal Server Error"), &["500"]),
        (cut, &["broke off after 7"]),
        (ok(&squeezed[..squeezed.len() - 4]), &["truncated gzip"]),
        (ok(b"twelve bytez"), &[WANTED.sha256, &bytes::sha256(b"twelve bytez"), "put it at"]),
        (ok(&gzip(&[0; 5000])), &["more than 12 bytes"]),
        (endless, &["more than"]),
        (b"nonsense\r\n\r\n".to_vec(), &["127.0.0.1"]),
        (vec![], &["timeout"]),
    ];
    for (response, parts) in cases {
        let (result, kept, others) = attempt(vec![response.clone()]);
        let error = result.unwrap_err().to_string();
        for part in parts.iter().chain(&["http://127.0.0.1"]) {
            assert!(error.contains(part), "no \"{part}\" in: {error}");
        }
        assert!(!error.contains('\n'), "{error}");
        assert_eq!((kept, others), (None, 0), "{error}");
    }
}

#[test]
fn plain_http_is_refused_by_default() {
    let dir = TempDir::new().unwrap();
    let error =
        fetch(&[serve(vec![])], &dir.path().join("f"), &WANTED, &super::super::fetch::LIMITS, &|_, _| ());
    assert!(error.unwrap_err().to_string().contains("https"));
}

#[test]
fn an_unwritable_cache_is_named() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("set"), "a file where a folder should be").unwrap();
    let error = fetch(&[serve(vec![])], &dir.path().join("set/f"), &WANTED, &LIMITS, &|_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("/set"), "{error}");
}
