//! Samples from another file than the one trained on.

use super::*;

const TRAINED: &str = "width,height,kind\n0.5,10,cat\n1.5,20,dog\n0.5,11,cat\n1.4,21,dog\n0.6,12,cat\n1.3,22,dog\n0.4,13,cat\n1.2,23,dog\n";

/// Trains on `TRAINED` and loads `text` for a test of what was trained.
fn test_on(text: &str) -> Result<Split, Error> {
    let dir = TempDir::new().unwrap();
    let task = load_file("train.csv", TRAINED).unwrap().task;
    let path = dir.path().join("other.csv");
    std::fs::write(&path, text).unwrap();
    let options = Options { test_fraction: 0.25, ..Options::default() };
    load_test(path.to_str().unwrap(), &task, &options, &|_, _, _| ()).map(|m| m.split)
}

#[test]
fn the_file_trained_on_gives_what_was_held_out() {
    let set = load_file("train.csv", TRAINED).unwrap();
    assert_eq!(
        (set.task.classes.join(" "), set.task.features.join(" ")),
        ("cat dog".into(), "width height".into())
    );
    assert_eq!(test_on(TRAINED).unwrap(), set.test);
}

#[test]
fn another_file_is_read_as_the_task_says() {
    let scaling = load_file("train.csv", TRAINED).unwrap().task.scaling.unwrap();
    let codes = [scaling.apply(&[1.0, 15.0]), scaling.apply(&[9.0, 0.0])];
    assert_eq!(codes[1], [255, 0]);
    // All rows, one class missing, other order of columns, no header: always the same codes and classes.
    for text in [
        "width,height,kind\n1.0,15,dog\n9,0,dog\n",
        "height,kind,width\n15,dog,1\n0,dog,9\n".replace("kind", "label").as_str(),
        "1,15,dog\n9,0,dog\n",
    ] {
        let test = test_on(text).unwrap();
        assert_eq!(test.y, [1, 1], "{text}");
        assert_eq!(test.x.row(0).to_vec(), codes[0], "{text}");
        assert_eq!(test.x.row(1).to_vec(), codes[1], "{text}");
    }
}

#[test]
fn what_the_task_does_not_know_is_refused() {
    let cases: &[(&str, &[&str])] = &[
        ("width,height,kind\n1,15,cow\n", &["line 2, column 3", "label \"cow\"", "cat, dog"]),
        ("width,depth,kind\n1,15,cat\n", &["line 1", "feature \"depth\"", "not trained on"]),
        ("width,kind\n1,cat\n", &["line 1", "no feature \"height\"", "add it"]),
        ("width,height\n1,15\n", &["line 1", "2 columns, all of them features", "label"]),
        ("1,cat\n", &["1 features", "takes 2"]),
        ("width,height,kind\n", &["0 training samples"]),
    ];
    for (text, parts) in cases {
        let error = test_on(text).expect_err(text).to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn numbers_are_classes_however_they_are_written() {
    let task =
        load_file("a.csv", "1,2,3\n2,3,5.0\n3,4,3\n4,5,5.0\n5,6,3\n6,7,5.0\n7,8,3\n8,9,5.0\n").unwrap().task;
    assert_eq!(task.classes, ["3", "5"]);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("b.csv");
    let test = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load_test(path.to_str().unwrap(), &task, &Options::default(), &|_, _, _| ())
    };
    assert_eq!(test("1,2,05\n").unwrap().split.y, [1]);
    let error = test("1.5,2,3\n").unwrap_err().to_string();
    assert!(error.contains("1.5 in sample 0, element 0") && error.contains("0..=255"), "{error}");
}

#[test]
fn arrays_bring_their_test_samples() {
    let x = Array2::from_shape_fn((8, 3), |(i, j)| (i * 3 + j) as u8);
    let y = Array1::from_iter((0..8u8).map(|i| i % 2));
    let set = load_file("a.npz", npz(&[("x", npy(&x)), ("y", npy(&y))])).unwrap();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("b.npz");
    let test = |arrays: &[(&str, Vec<u8>)]| {
        std::fs::write(&path, npz(arrays)).unwrap();
        load_test(path.to_str().unwrap(), &set.task, &Options::default(), &|_, _, _| ())
    };
    assert_eq!(test(&[("x_test", npy(&x)), ("y_test", npy(&y))]).unwrap().split.len(), 8);
    let far = Array1::from_elem(8, 7u8);
    let error = test(&[("x", npy(&x)), ("y", npy(&far))]).unwrap_err().to_string();
    assert!(error.contains("label 7 of sample 0") && error.contains("classes 0 to 1"), "{error}");
}

#[test]
fn a_second_file_can_be_the_test() {
    let dir = TempDir::new().unwrap();
    let paths = ["a.csv", "b.csv"].map(|name| dir.path().join(name));
    std::fs::write(&paths[0], TRAINED).unwrap();
    std::fs::write(&paths[1], "1.0,15,dog\n").unwrap();
    let with = |spec: &str| {
        load(spec, &Options { test: Some(paths[1].clone()), ..Options::default() }, &|_, _, _| ())
    };
    let set = with(paths[0].to_str().unwrap()).unwrap();
    assert_eq!((set.train.len(), set.test.len(), set.test.y[0], set.task.whole), (8, 1, 1, true));
    let measure = |path: &Path| {
        load_test(path.to_str().unwrap(), &set.task, &Options::default(), &|_, _, _| ()).unwrap()
    };
    let same = measure(&paths[0]);
    assert_eq!((same.split.len(), same.trained_on, same.outside), (8, true, 0));
    std::fs::write(&paths[1], "1.6,15,dog\n1,-3,dog\n1,10,cat\n").unwrap();
    let other = measure(&paths[1]);
    assert_eq!((other.trained_on, other.outside), (false, 2));
    let error = with("digits:30").unwrap_err().to_string();
    assert!(error.contains("test file") && error.contains("leave it out"), "{error}");
}
