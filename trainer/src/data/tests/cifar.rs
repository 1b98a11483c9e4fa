//! CIFAR-10 from its files and from its archive, both made small.

use std::io::Write;

use lzma_rust2::{XzOptions, XzWriter};

use super::*;

const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Two records; every pixel of a record is its label times ten plus the number of the file.
fn records(file: usize) -> Vec<u8> {
    let record = |label: usize| [vec![label as u8], vec![(10 * label + file) as u8; 3072]].concat();
    [record(file % 10), record((file + 3) % 10)].concat()
}

fn xz(data: &[u8]) -> Vec<u8> {
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn tar_gz(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, format!("cifar-10-batches-bin/{name}"), data.as_slice()).unwrap();
    }
    gzip(&builder.into_inner().unwrap())
}

/// A data directory with one folder of these files.
fn with(folder: &str, files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    let place = dir.path().join(folder);
    std::fs::create_dir_all(&place).unwrap();
    for (name, data) in files {
        std::fs::write(place.join(name), data).unwrap();
    }
    dir
}

fn whole() -> Vec<(&'static str, Vec<u8>)> {
    FILES.iter().enumerate().map(|(i, name)| (*name, records(i))).collect()
}

#[test]
fn files_are_read_plain_or_compressed_and_in_order() {
    let plain = whole();
    let mixed: Vec<(String, Vec<u8>)> = plain
        .iter()
        .enumerate()
        .map(|(i, (name, data))| match i % 3 {
            0 => (format!("{name}.xz"), xz(data)),
            1 => (format!("{name}.gz"), gzip(data)),
            _ => (name.to_string(), data.clone()),
        })
        .collect();
    let mixed: Vec<(&str, Vec<u8>)> = mixed.iter().map(|(n, d)| (n.as_str(), d.clone())).collect();
    let mut sets = Vec::new();
    for (folder, files) in [("cifar10", &plain), ("cifar10", &mixed), ("cifar-10-batches-bin", &plain)] {
        sets.push(load_in(with(folder, files).path(), "cifar10").unwrap());
    }
    let archive = tar_gz(&[vec![("readme.html", b"hello".to_vec())], plain].concat());
    sets.push(load_in(with("cifar10", &[("cifar-10-binary.tar.gz", archive)]).path(), "cifar10").unwrap());
    let first = &sets[0];
    assert_eq!((first.shape.as_slice(), first.classes), (&[3, 32, 32][..], 10));
    assert_eq!(
        (first.train.y.as_slice(), first.test.y.as_slice()),
        (&[0, 3, 1, 4, 2, 5, 3, 6, 4, 7][..], &[5, 8][..])
    );
    assert_eq!((first.train.x[[3, 0]], first.test.x[[1, 3071]]), (41, 85));
    assert_eq!(first.task.classes[8], "ship");
    assert!(sets.iter().all(|set| set == first));
}

#[test]
fn what_is_not_the_set_is_refused() {
    let changed = |file: usize, data: Vec<u8>| {
        let mut files = whole();
        files[file].1 = data;
        load_in(with("cifar10", &files).path(), "cifar10").expect_err("refused").to_string()
    };
    let xz_cut = xz(&records(0))[..40].to_vec();
    let cases = [
        (changed(1, records(1)[..3000].to_vec()), vec!["data_batch_2.bin", "3000 bytes", "3073"]),
        (changed(2, Vec::new()), vec!["data_batch_3.bin", "0 bytes"]),
        (changed(5, [vec![10], vec![0; 3072]].concat()), vec!["test_batch.bin", "label 10 of record 0"]),
        (changed(0, xz_cut), vec!["data_batch_1.bin", "truncated xz"]),
    ];
    for (error, parts) in cases {
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let mut files = whole();
    files.remove(2);
    let error = load_in(with("cifar10", &files).path(), "cifar10").expect_err("refused").to_string();
    assert!(error.contains("data_batch_3.bin") && error.contains("all six"), "{error}");
    let archive = |files: &[(&str, Vec<u8>)]| {
        let dir = with("cifar10", &[("cifar-10-binary.tar.gz", tar_gz(files))]);
        load_in(dir.path(), "cifar10").expect_err("refused").to_string()
    };
    assert!(archive(&files).contains("holds no data_batch_3.bin"), "{}", archive(&files));
    let elsewhere = with(".", &[("cifar-10-binary.tar.gz", tar_gz(&whole()))]);
    let error = load_in(elsewhere.path(), "cifar10").expect_err("another checksum").to_string();
    assert!(error.contains("sha256") && error.contains("folder named cifar10"), "{error}");
}
