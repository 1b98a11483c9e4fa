//! Tests of all sources through [`load`], and the table of bad inputs.

mod bad;
mod cifar;
mod download;
mod other;

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3, Array4, ShapeBuilder};
use ndarray_npy::{WritableElement, WriteNpyExt};
use tempfile::TempDir;

use super::*;
use sterna_ir::Scaling;

/// Loads without a network; the cache is the folder `cache` of `dir`.
fn load_in(dir: &Path, spec: &str) -> Result<Dataset, Error> {
    let options = Options {
        data_dir: Some(dir.to_path_buf()),
        cache_dir: Some(dir.join("cache")),
        offline: true,
        test_fraction: 0.25,
        ..Options::default()
    };
    load(spec, &options, &|_, _, _| ())
}

/// A file in a fresh directory, loaded.
fn load_file(name: &str, content: impl AsRef<[u8]>) -> Result<Dataset, Error> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    load_in(dir.path(), path.to_str().unwrap())
}

/// Bytes of a `.npy` file.
fn npy<T: WritableElement, D: ndarray::Dimension>(array: &ndarray::Array<T, D>) -> Vec<u8> {
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).unwrap();
    bytes
}

/// Bytes of an `.npz` file.
fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (i, (name, bytes)) in arrays.iter().enumerate() {
        // Stored and deflated, as numpy.savez and numpy.savez_compressed write them.
        let method =
            if i % 2 == 0 { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An idx file.
fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = (0x0800 | sizes.len() as u32).to_be_bytes().to_vec();
    sizes.iter().for_each(|s| bytes.extend(s.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a small set in the manner of MNIST, alternately compressed and not.
fn write_idx_set(dir: &Path, train: u32, test: u32) {
    let dir = dir.join("mnist");
    std::fs::create_dir_all(&dir).unwrap();
    for (prefix, count) in [("train", train), ("t10k", test)] {
        let pixels: Vec<u8> = (0..count * 784).map(|i| i as u8).collect();
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        let images = gzip(&idx(&[count, 28, 28], &pixels));
        std::fs::write(dir.join(format!("{prefix}-images-idx3-ubyte.gz")), images).unwrap();
        std::fs::write(dir.join(format!("{prefix}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
    }
}

#[test]
fn idx_files_keep_their_bytes() {
    let dir = TempDir::new().unwrap();
    write_idx_set(dir.path(), 20, 7);
    let set = load_in(dir.path(), "mnist").unwrap();
    assert_eq!((set.train.len(), set.test.len(), set.classes), (20, 7, 10));
    assert_eq!(set.shape, [1, 28, 28]);
    assert_eq!(set.train.x[[1, 3]], (784 + 3) as u8);
    assert_eq!(set.test.y, [0, 1, 2, 3, 4, 5, 6]);
}

/// The folder of real data, or `None` after saying so.
fn real_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let dir =
        std::env::var_os("STERNA_DATA").map(PathBuf::from).or_else(|| beside.is_dir().then_some(beside));
    if dir.is_none() {
        // The test harness hides what the print macros write.
        use std::io::Write;
        writeln!(std::io::stderr(), "SKIPPED: no real data sets; name their folder in STERNA_DATA").unwrap();
    }
    dir
}

#[test]
fn published_sets_are_what_their_checksums_say() {
    let Some(dir) = real_data() else { return };
    for (set, train, test, pixels) in [
        (&named::MNIST, 60_000, 10_000, 784),
        (&named::FASHION_MNIST, 60_000, 10_000, 784),
        (&named::OPTDIGITS, 3823, 1797, 64),
    ] {
        let loaded = load_in(&dir, set.name).unwrap();
        assert_eq!(loaded.train.x.dim(), (train, pixels), "{}", set.name);
        assert_eq!(loaded.test.x.dim(), (test, pixels), "{}", set.name);
        // The same files as a cache must pass the checksums, and so must those without a folder of the set's name.
        let options = Options { cache_dir: Some(dir.clone()), offline: true, ..Options::default() };
        assert_eq!(load(set.name, &options, &|_, _, _| ()).unwrap(), loaded);
        assert_eq!(load_in(&dir.join(set.name), set.name).unwrap(), loaded);
    }
    // MNIST's files, directly in the folder, are not taken for Fashion-MNIST of the same names.
    let error = load_in(&dir.join("mnist"), "fashion-mnist").unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
}

#[test]
fn archives_with_a_split_of_their_own() {
    let x = Array3::from_shape_fn((6, 2, 3), |(i, j, k)| (i * 40 + j * 3 + k) as i64);
    let y = Array1::from_iter((0..6).map(|i| i % 3));
    let set = load_file(
        "own set.npz",
        npz(&[("x_train", npy(&x)), ("y_train", npy(&y)), ("x_test", npy(&x)), ("y_test", npy(&y))]),
    )
    .unwrap();
    assert_eq!((set.name.as_str(), set.shape.as_slice(), set.classes), ("own set", &[1, 2, 3][..], 3));
    assert_eq!(set.range, Range::new(0, 255));
    assert_eq!(set.task.scaling, None);
    assert_eq!(set.train.x.row(1).to_vec(), [40, 41, 42, 43, 44, 45]);
    assert_eq!(set.train, set.test);
}

#[test]
fn every_element_type_gives_the_same_codes() {
    fn codes<T: WritableElement + Copy>(of: impl Fn(u8) -> T) -> Dataset {
        let x = Array2::from_shape_fn((8, 4), |(i, j)| of(((i + j) % 2) as u8));
        let y = Array1::from_iter((0..8).map(|i| of((i % 2) as u8)));
        let set = load_file("a.npz", npz(&[("x", npy(&x)), ("y", npy(&y))])).unwrap();
        // The bytes of the file differ, and so does their digest.
        Dataset { task: Task::default(), ..set }
    }
    let want = codes(|v| v);
    assert_eq!(want.range, Range::BIT);
    assert_eq!(want, codes(|v| v == 1));
    assert_eq!(want, codes(|v| v as i8));
    assert_eq!(want, codes(u16::from));
    assert_eq!(want, codes(i16::from));
    assert_eq!(want, codes(u32::from));
    assert_eq!(want, codes(i32::from));
    assert_eq!(want, codes(u64::from));
    assert_eq!(want, codes(i64::from));
    assert_eq!(want, codes(f32::from));
    assert_eq!(want, codes(f64::from));
}

#[test]
fn column_major_arrays_are_read_in_logical_order() {
    let rows = Array2::from_shape_fn((8, 3), |(i, j)| (10 * i + j) as u8);
    let mut columns = Array2::zeros((8, 3).f());
    columns.assign(&rows);
    let y = Array1::from_iter((0..8).map(|i| i % 2));
    let set = |x| load_file("a.npz", npz(&[("x", npy(x)), ("y", npy(&y))])).unwrap();
    let (rows, columns) = (set(&rows), set(&columns));
    assert_eq!((rows.train, rows.test), (columns.train, columns.test));
}

#[test]
fn one_array_with_labels_beside() {
    let dir = TempDir::new().unwrap();
    let x = Array4::from_shape_fn((8, 2, 2, 2), |(i, c, h, w)| (i + c + h + w) as f32 - 2.5);
    std::fs::write(dir.path().join("v.npy"), npy(&x)).unwrap();
    std::fs::write(dir.path().join("v.labels.npy"), npy(&Array1::from_iter((0..8u16).map(|i| i % 2))))
        .unwrap();
    let set = load_in(dir.path(), dir.path().join("v.npy").to_str().unwrap()).unwrap();
    assert_eq!((set.shape.as_slice(), set.train.len(), set.test.len()), (&[2, 2, 2][..], 6, 2));
    let scaling = set.task.scaling.unwrap();
    // One pair of bounds for each channel.
    assert!(scaling.min[..4].iter().all(|&v| v == scaling.min[0]));
    assert!(scaling.max[4..].iter().all(|&v| v == scaling.max[4]));
    assert_eq!(*set.train.x.iter().max().unwrap(), 255);
}

#[test]
fn scaling_is_linear_and_saturates() {
    let scaling = scaling::learn(&[-1.0, 5.0, 0.0, 5.0, 1.0, 5.0], 2, 1);
    assert_eq!(scaling, Scaling { min: vec![-1.0, 5.0], max: vec![1.0, 5.0] });
    assert_eq!(scaling.apply(&[0.0, 5.0]), [128, 0]);
    assert_eq!(scaling.apply(&[-7.0, 4.0]), [0, 0]);
    assert_eq!(scaling.apply(&[7.0, 6.0]), [255, 255]);
    let huge = Scaling { min: vec![f64::MIN], max: vec![f64::MAX] };
    assert_eq!(huge.apply(&[f64::MAX / 2.0]), [191]);
}

#[test]
fn tables_of_all_looks_are_the_same_data() {
    let rows = ["1,2,0", "3,4,1", "5,6,0", "7,8,1", "9,1,0", "2,3,1", "4,5,0", "6,7,1"].join("\n");
    let labelled = |zero: &str, one: &str| -> String {
        let label = |row: &str| if row.ends_with('0') { zero.to_string() } else { one.to_string() };
        rows.lines().map(|row| format!("{},{}\n", &row[..3], label(row))).collect()
    };
    let want = load_file("a.csv", &rows).unwrap();
    assert_eq!((want.shape.as_slice(), want.classes, want.range), (&[2][..], 2, Range::unsigned(4)));
    assert_eq!((want.train.len(), want.test.len()), (6, 2));
    for text in [
        format!("a,b,kind\n{rows}\n"),
        format!("\u{feff}a,b,kind\n{rows}\n"),
        rows.replace('\n', "\r\n"),
        rows.replace(',', ";"),
        rows.replace(',', " \t "),
        labelled("cat", "dog\u{e9}"),
        labelled("9", "10"),
        labelled("-1", "1.0"),
        format!(
            "\"Label\",a,b\n{}",
            rows.lines().map(|l| format!("{},{}\n", &l[4..], &l[..3])).collect::<String>()
        ),
    ] {
        let set = load_file("a.csv", &text).unwrap();
        assert_eq!((set.train, set.test), (want.train.clone(), want.test.clone()), "{text}");
        assert_eq!((set.shape, set.range, set.classes), (want.shape.clone(), want.range, 2), "{text}");
    }
}

#[test]
fn a_seed_means_one_split_with_every_class_in_both_parts() {
    let text: String = (0..200).map(|i| format!("{i},{}\n", i % 10)).collect();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.csv");
    std::fs::write(&path, text).unwrap();
    let with =
        |seed| load(path.to_str().unwrap(), &Options { seed, ..Options::default() }, &|_, _, _| ()).unwrap();
    assert_eq!(with(1), with(1));
    assert_ne!(with(1).test.x, with(2).test.x);
    for class in 0..10 {
        assert_eq!(with(3).test.y.iter().filter(|&&y| y == class).count(), 4);
    }
    let mut values: Vec<u8> = with(1).train.x.iter().chain(with(1).test.x.iter()).copied().collect();
    values.sort();
    assert_eq!(values, (0..200).collect::<Vec<u8>>());
}

#[test]
fn embedded_digits_are_the_same_everywhere() {
    let draw = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| load_in(Path::new("."), "digits:120,40")).unwrap()
    };
    let set = draw(1);
    assert_eq!(set, draw(3));
    assert_eq!((set.train.len(), set.test.len(), set.classes), (120, 40, 10));
    let small = load_in(Path::new("."), "digits:30").unwrap();
    assert_eq!(small.train.x, set.train.x.slice(ndarray::s![..30, ..]));
    assert_ne!(set.train.x.slice(ndarray::s![..40, ..]), set.test.x);
    // A change of these bytes changes every published number about the set.
    let digest = bytes::sha256(set.train.x.as_slice().unwrap());
    assert_eq!(digest, "a0eff765827abe80313df65405fd7b7719d282502a59cbc7cc263b9b4a8a2c80");
    // Ink on a dark ground, about as much as in MNIST.
    let mean = set.train.x.iter().map(|&v| f64::from(v)).sum::<f64>() / set.train.x.len() as f64;
    assert!((20.0..50.0).contains(&mean), "{mean}");
}
