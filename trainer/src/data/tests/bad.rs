//! Bad inputs: each gives one line that names value, place and fix.

use super::*;

/// Checks that an error is one line with all the parts given.
#[track_caller]
fn expect(result: Result<Dataset, Error>, parts: &[&str]) {
    let error = result.expect_err("bad input").to_string();
    assert!(!error.contains('\n') && error.len() < 600, "{error}");
    for part in parts {
        assert!(error.contains(part), "no \"{part}\" in: {error}");
    }
}

#[test]
fn unknown_names_and_missing_files() {
    let dir = TempDir::new().unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("cifar11", &["\"cifar11\"", "unknown", "fashion-mnist", ".csv"]),
        ("", &["\"\"", "unknown"]),
        ("a\nb", &["\"a\\nb\"", "unknown"]),
        ("no/such.npz", &["no/such.npz", "not found", "path"]),
        ("digits:0", &["digits", "0 training samples"]),
        ("digits:20,0", &["digits", "0 test samples"]),
        ("digits:many", &["\"many\"", "digits:TRAIN,TEST"]),
        ("digits:10,20,30", &["\"20,30\"", "digits:TRAIN,TEST"]),
        ("digits:-5", &["\"-5\"", "digits:TRAIN,TEST"]),
        ("digits:5000000000", &["\"5000000000\"", "1000000"]),
        ("digits:1", &["all 1 training samples", "two classes"]),
        ("mnist", &["train-images-idx3-ubyte", "cache", "not found", "--data-dir", "STERNA_DATA", "network"]),
        ("optdigits", &["optdigits.tra", "not found", "--data-dir", "STERNA_DATA"]),
    ];
    for (spec, parts) in cases {
        expect(load_in(dir.path(), spec), parts);
    }
    expect(
        load_in(&dir.path().join("absent"), "mnist"),
        &["absent", "not found", "--data-dir", "STERNA_DATA"],
    );
    let long = format!("{}.xyz", "a".repeat(10_000));
    expect(load_in(dir.path(), &long), &["aaa...", "unknown"]);
}

#[test]
fn damaged_idx_files() {
    let images = "train-images-idx3-ubyte.gz";
    let labels = "train-labels-idx1-ubyte";
    let whole = gzip(&idx(&[20, 28, 28], &[7; 20 * 784]));
    let mut crc = whole.clone();
    let end = crc.len() - 8;
    crc[end] ^= 1;
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        (images, whole[..whole.len() / 2].to_vec(), &[images, "truncated gzip", "fetch"]),
        (images, crc, &[images, "damaged", "fetch"]),
        (images, gzip(&idx(&[20, 28, 28], &[7; 20 * 784 - 1])), &[images, "15680", "holds 15679", "fetch"]),
        (images, idx(&[20, 28, 28], &[7; 20 * 784 + 1]), &[images, "15680", "holds 15681"]),
        (images, gzip(&idx(&[1_000_000_000, 28, 28], &[7; 784])), &[images, "784000000000", "holds 784"]),
        (images, idx(&[u32::MAX; 3], &[]), &[images, "4294967295", "holds 0"]),
        (images, vec![0, 0, 8], &[images, "3 bytes", "header"]),
        (images, vec![], &[images, "0 bytes", "header"]),
        (images, gzip(&idx(&[20], &[7; 20])), &[images, "0x00000801", "0x00000803"]),
        (images, gzip(b"<html>404 not here, sorry</html>"), &[images, "magic number 0x3c68746d"]),
        (images, gzip(&idx(&[20, 14, 56], &[7; 20 * 784])), &[images, "14x56", "28x28"]),
        (images, gzip(&idx(&[19, 28, 28], &[7; 19 * 784])), &[labels, "20 labels", "19 images"]),
        (images, gzip(&vec![0; 47_040_017]), &[images, "more than 47040016 bytes"]),
        (labels, idx(&[20], &[10; 20]), &[labels, "label 10 of sample 0", "0..=9"]),
        (
            labels,
            idx(&[20], &[3; 20]),
            &["mnist", "all 20 training samples are of class \"3\"", "two classes"],
        ),
        (labels, idx(&[21], &[1; 20]), &[labels, "21", "holds 20"]),
    ];
    for (name, content, parts) in cases {
        let dir = TempDir::new().unwrap();
        write_idx_set(dir.path(), 20, 10);
        std::fs::write(dir.path().join("mnist").join(name), content).unwrap();
        expect(load_in(dir.path(), "mnist"), parts);
    }
    let dir = TempDir::new().unwrap();
    write_idx_set(dir.path(), 0, 10);
    expect(load_in(dir.path(), "mnist"), &["mnist", "0 training samples", "at least one"]);
    // In the cache, and directly in the data directory, only the published bytes count.
    for folder in ["cache/mnist", "."] {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        std::fs::write(dir.path().join(folder).join(images), &whole).unwrap();
        let found = bytes::sha256(&idx(&[20, 28, 28], &[7; 20 * 784]));
        expect(load_in(dir.path(), "mnist"), &[images, &found, named::MNIST.files[0].sha256]);
    }
}

#[test]
fn damaged_optdigits_rows() {
    let row = format!("{}7", "16,".repeat(64));
    for (text, parts) in [
        (row.replacen("16", "17", 1), ["line 2", "\"17\"", "column 1", "0..=16"]),
        (row.replacen("16", "nan", 3), ["line 2", "\"nan\"", "column 1", "0..=16"]),
        (format!("{row}0"), ["line 2", "\"70\"", "column 65", "0..=9"]),
        (row[3..].to_string(), ["line 2", "64 fields", "64 counts", "digit"]),
    ] {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join("optdigits")).unwrap();
        std::fs::write(
            dir.path().join("optdigits/optdigits.tra.gz"),
            gzip(format!("{row}\n{text}\n").as_bytes()),
        )
        .unwrap();
        expect(load_in(dir.path(), "optdigits"), &parts);
    }
}

/// Header and data of a `.npy` file with any text as header.
fn raw_npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
    bytes.extend((header.len() as u32 + 1).to_le_bytes());
    bytes.extend(header.bytes().chain([b'\n']));
    bytes.extend(data);
    bytes
}

fn header(descriptor: &str, shape: &str) -> String {
    format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}")
}

#[test]
fn damaged_arrays() {
    let x = npy(&Array2::from_shape_fn((8, 3), |(i, j)| (i + j) as f32));
    let y = npy(&Array1::from_iter((0..8).map(|i| i % 2)));
    let with = |a: &[u8], b: &[u8]| npz(&[("x", a.to_vec()), ("y", b.to_vec())]);
    let mut nan = Array2::<f32>::zeros((8, 3));
    nan[[5, 2]] = f32::NAN;
    let mut infinite = Array2::<f64>::zeros((8, 3));
    infinite[[0, 1]] = f64::NEG_INFINITY;
    let whole = with(&x, &y);
    let mut flipped = with(&x, &y);
    flipped[60] ^= 0xff;
    let label = |values: [f64; 8]| npy(&Array1::from_iter(values));
    let nested = raw_npy(&"(".repeat(4000), &[]);
    let mut length = raw_npy("", &[]);
    length[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let cases: &[(Vec<u8>, &[&str])] = &[
        (b"not a zip archive".to_vec(), &["a.npz", "not a whole zip archive", "numpy.savez"]),
        (whole[..whole.len() - 40].to_vec(), &["a.npz", "not a whole zip archive"]),
        (vec![], &["a.npz", "not a whole zip archive"]),
        (flipped, &["a.npz", "array x", "numpy.savez"]),
        (npz(&[("x", x.clone()), ("labels", y.clone())]), &["a.npz", "no array y", "labels x", "x_train"]),
        (npz(&[("x_train", x.clone()), ("y_train", y.clone())]), &["a.npz", "no array x_test", "y_test"]),
        (with(&x[..x.len() - 1], &y), &["array x", "[8, 3] of <f4", "holds 95 bytes", "numpy.save"]),
        (with(&x[..40], &y), &["array x", "header"]),
        (with(b"\x93NUMP", &y), &["array x", "magic"]),
        (
            with(&raw_npy(&header("<f4", "(1000000000, 784)"), &[0; 8]), &y),
            &["array x", "1000000000", "8 bytes"],
        ),
        (
            with(&raw_npy(&header("|u1", "(18446744073709551615, 18446744073709551615, 9)"), &[]), &y),
            &["array x", "18446744073709551615", "0 bytes"],
        ),
        (with(&raw_npy(&header("|u1", "(99999999999999999999999, 9)"), &[]), &y), &["array x"]),
        (with(&raw_npy(&header("|u1", "(-1, 9)"), &[]), &y), &["array x"]),
        (with(&nested, &y), &["array x", "4000 opening brackets"]),
        (with(&length, &y), &["array x", "4294967295 bytes"]),
        (with(&raw_npy(&header("<U5", "(8, 3)"), &[0; 480]), &y), &["array x", "<U5", "float32"]),
        (with(&raw_npy(&header("<f2", "(8, 3)"), &[0; 48]), &y), &["array x", "<f2", "float32"]),
        (with(&raw_npy(&header("|O", "(8, 3)"), &[0; 48]), &y), &["array x", "|O", "float32"]),
        (with(&raw_npy(&header("é", "(8, 3)"), &[0; 48]), &y), &["array x"]),
        (with(&raw_npy(&header("|b1", "(8, 3)"), &[9; 24]), &y), &["array x"]),
        (with(&npy(&nan), &y), &["array x", "NaN in sample 5, element 2", "finite"]),
        (with(&npy(&infinite), &y), &["array x", "-inf in sample 0, element 1", "finite"]),
        (with(&npy(&Array1::<u8>::zeros(8)), &y), &["array x", "shape [8]", "(samples, elements)"]),
        (with(&npy(&Array2::<u8>::zeros((8, 0))), &y), &["array x", "shape [8, 0]", "elements"]),
        (with(&npy(&Array2::<u8>::zeros((7, 3))), &y), &["array x", "7 samples, but 8 labels"]),
        (
            with(&npy(&Array2::<u8>::zeros((0, 3))), &npy(&Array1::<u8>::zeros(0))),
            &["a.npz", "0 training samples"],
        ),
        (with(&x, &x), &["array y", "labels of shape [8, 3]"]),
        (
            with(&x, &label([0., 1., 0., 1., 0., 1., 0., 0.5])),
            &["array y", "label 0.5 of sample 7", "0..=255"],
        ),
        (
            with(&x, &label([0., -1., 0., 1., 0., 1., 0., 1.])),
            &["array y", "label -1 of sample 1", "0..=255"],
        ),
        (
            with(&x, &label([0., 1., 256., 1., 0., 1., 0., 1.])),
            &["array y", "label 256 of sample 2", "256 classes"],
        ),
        (with(&x, &label([0., 1., f64::NAN, 1., 0., 1., 0., 1.])), &["array y", "label NaN of sample 2"]),
        (
            with(&x, &label([2., 1., 2., 1., 2., 1., 2., 1.])),
            &["array x", "no training sample of class 0", "from 0"],
        ),
        (with(&x, &npy(&Array1::<u8>::zeros(8))), &["a.npz", "all 6 training samples are of class \"0\""]),
    ];
    for (i, (content, parts)) in cases.iter().enumerate() {
        println!("case {i}: {parts:?}");
        expect(load_file("a.npz", content), parts);
    }
    let wide = npy(&Array2::<u8>::zeros((8, 4)));
    let uneven =
        npz(&[("x_train", x.clone()), ("y_train", y.clone()), ("x_test", wide), ("y_test", y.clone())]);
    expect(load_file("a.npz", uneven), &["array x_test", "[4]", "x_train are [3]"]);
    expect(load_file("a.npy", &x), &["a.labels.npy", "not found", "beside", ".npz"]);
}

#[test]
fn damaged_tables() {
    let many: String = (0..600).map(|i| format!("{i},{}\n", i % 300)).collect();
    let cases: &[(&str, &[&str])] = &[
        ("", &["a.csv", "0 training samples", "row"]),
        ("a,b,label\n", &["a.csv", "0 training samples", "row"]),
        ("1\n2\n", &["a.csv", "1 column", "label"]),
        ("1,2,0\n1,2,3,1\n", &["a.csv", "line: 2", "4 fields", "columns"]),
        ("a,b,label\n1,2,0\n1,nan,1\n", &["line 3, column 2 (\"b\")", "\"nan\"", "finite"]),
        ("1,2,0\n1,inf,1\n", &["line 2, column 2", "\"inf\"", "finite"]),
        ("1,2,0\n1,1e999,1\n", &["line 2, column 2", "\"1e999\"", "finite"]),
        ("1,2,0\n,2,1\n", &["line 2, column 1", "\"\"", "finite"]),
        ("1,x2,0\n1,2,1\n", &["line 1, column 2", "\"x2\"", "numbers"]),
        ("1,2,0\n1,2,\n", &["line 2, column 3", "empty label"]),
        ("1,2,0\n1,2,0.5\n", &["line 2, column 3", "label 0.5", "integers or words"]),
        ("1,2,1\n1,2,01\n1,2,0\n1,3,0", &["\"01\" and \"1\"", "same number"]),
        (
            "1,2,0\n1,2,0\n1,2,0\n1,2,0\n",
            &["a.csv", "all 3 training samples are of class \"0\"", "two classes"],
        ),
        ("1,2,0\n1,2,1\n", &["a.csv", "0 test samples"]),
        (&many, &["line 257, column 2", "\"256\"", "256 classes"]),
    ];
    for (text, parts) in cases {
        expect(load_file("a.csv", text), parts);
    }
    expect(load_file("a.csv", b"1,2,0\n1,\xff,1\n"), &["a.csv", "UTF-8"]);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.csv");
    std::fs::write(&path, "1,0\n2,1\n").unwrap();
    for test_fraction in [0.0, 1.0, -0.5, f64::NAN] {
        let options = Options { test_fraction, ..Options::default() };
        let result = load(path.to_str().unwrap(), &options, &|_, _, _| ());
        expect(result, &["test fraction", &test_fraction.to_string(), "between 0 and 1"]);
    }
}
