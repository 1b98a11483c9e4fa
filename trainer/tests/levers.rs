//! Distillation, augmentation, averaging, several seeds: they work, resume, and do not depend on threads.

use std::path::Path;

use sterna_ir::{Task, format};
use sterna_trainer::config::{Activation, Augment, Input, Teacher, TeacherSource, Weights};
use sterna_trainer::{Checkpoints, Config, Control, Error, Observer, Progress, check_export, study, train};

use crate::util::{config, dataset};

fn taught(source: TeacherSource) -> Config {
    let teacher = Some(Teacher { source, share: 0.7, temperature: 3.0 });
    Config { teacher, average: 0.95, ..config(Weights::twn()) }
}

fn trained_teacher() -> TeacherSource {
    TeacherSource::Train { hidden: vec![30], epochs: 4 }
}

/// The same samples as 4 x 6 images.
fn images() -> sterna_trainer::data::Dataset {
    let mut data = dataset();
    data.shape = vec![4, 6];
    data
}

struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, _: &Progress<'_>) -> Control {
        self.0 -= 1;
        if self.0 == 0 { Control::Stop } else { Control::Continue }
    }
}

fn file(folder: &Path) -> Checkpoints {
    Checkpoints { path: folder.join("training.ckpt"), every: 1, resume: true }
}

#[test]
fn all_levers_resume_to_the_same_bytes_on_any_threads() {
    let data = images();
    let augment = Augment { shift: 1, rotate: 5.0, flip: false };
    let config = Config { augment, label_smoothing: 0.1, ..taught(trained_teacher()) };
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let out = pool.install(|| train(&data, &config, None, &mut ())).expect("training");
        check_export(&out.model, &out.network, &data.test).expect("equal");
        format::write(&out.network, &Task::default())
    };
    let whole = bytes(1);
    assert_eq!(whole, bytes(3));
    let folder = tempfile::tempdir().expect("a folder");
    // In the teacher's second epoch, then in the student's third.
    for stop in [15, 2 * 11 + 5 + 25] {
        let stopped = train(&data, &config, Some(&file(folder.path())), &mut StopAfter(stop));
        assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
    }
    let resumed = train(&data, &config, Some(&file(folder.path())), &mut ()).expect("resumed");
    assert_eq!(format::write(&resumed.network, &Task::default()), whole);
}

/// The teacher has a last layer, real weights and whole features; an eighth of the learner's weights and less is computed.
#[test]
fn neurons_that_vote_learn_from_a_teacher_on_any_threads() {
    let data = dataset();
    let learner = Config {
        hidden: vec![40, 20],
        weights: Weights::fan_in(3),
        activation: Activation::sign(),
        input: Input::Bits { bits: 1 },
        votes: true,
        ..taught(trained_teacher())
    };
    let bytes = |config: &Config, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let out = pool.install(|| train(&data, config, None, &mut ())).expect("training");
        check_export(&out.model, &out.network, &data.test).expect("equal");
        format::write(&out.network, &Task::default())
    };
    let taught = bytes(&learner, 1);
    assert_eq!(taught, bytes(&learner, 3));
    assert_ne!(taught, bytes(&Config { teacher: None, ..learner }, 1), "the teacher matters");
}

#[test]
fn a_saved_teacher_is_found_checked_and_part_of_the_identity() {
    let data = dataset();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.ckpt");
    let large = Config { hidden: vec![40], ..config(Weights::Float { bits: 8 }) };
    let keep = Checkpoints { path: path.clone(), every: 1, resume: true };
    train(&data, &large, Some(&keep), &mut ()).expect("training");
    let config = taught(TeacherSource::Saved { path: path.clone() });
    let with = train(&data, &config, Some(&file(folder.path())), &mut ()).expect("taught");
    let without = train(&data, &Config { teacher: None, ..config.clone() }, None, &mut ()).expect("alone");
    assert_ne!(
        format::write(&with.network, &Task::default()),
        format::write(&without.network, &Task::default()),
        "the teacher matters"
    );

    let mut narrow = data.clone();
    narrow.shape = vec![12];
    narrow.train.x = data.train.x.slice(ndarray::s![.., ..12]).to_owned();
    narrow.test.x = data.test.x.slice(ndarray::s![.., ..12]).to_owned();
    let error = train(&narrow, &config, None, &mut ()).expect_err("other inputs").to_string();
    assert!(error.contains("24 inputs and 4 classes; the data has 12 and 4"), "{error}");

    train(&data, &Config { seed: 2, ..large }, Some(&Checkpoints { resume: false, ..keep }), &mut ())
        .expect("another teacher");
    let error = train(&data, &config, Some(&file(folder.path())), &mut ()).expect_err("changed").to_string();
    assert!(error.contains("other settings"), "{error}");
    let missing = taught(TeacherSource::Saved { path: "nowhere.ckpt".into() });
    let error = train(&data, &missing, None, &mut ()).expect_err("missing").to_string();
    assert!(error.contains("nowhere.ckpt: cannot read"), "{error}");
}

#[test]
fn augmentation_needs_images_and_changes_the_result() {
    let augment = Augment { shift: 1, ..Augment::default() };
    let changed = Config { augment, ..config(Weights::twn()) };
    let error = train(&dataset(), &changed, None, &mut ()).expect_err("no images").to_string();
    assert!(error.contains("samples of shape [24] are no images"), "{error}");
    let bytes = |c: &Config| {
        format::write(&train(&images(), c, None, &mut ()).expect("training").network, &Task::default())
    };
    assert_ne!(bytes(&changed), bytes(&config(Weights::twn())));
}

#[test]
fn averaging_changes_and_exports_exactly() {
    let data = dataset();
    let averaged =
        Config { average: 0.97, ..config(Weights::cost(crate::util::table([24, 20, 12, 4]), 800.0)) };
    let out = train(&data, &averaged, None, &mut ()).expect("training");
    check_export(&out.model, &out.network, &data.test).expect("equal");
    assert!(out.test_accuracy.expect("test samples") > 0.7);
    assert!(out.cost.expect("a cost") <= 800.0, "{:?}", out.cost);
}

#[test]
fn a_study_is_its_runs() {
    let data = dataset();
    let config = Config { epochs: 3, ..config(Weights::twn()) };
    let three = study(&data, &config, 3, &mut ()).expect("trainings");
    let alone =
        train(&data, &Config { seed: config.seed + 2, ..config.clone() }, None, &mut ()).expect("one");
    assert_eq!(
        format::write(&three.runs[2].1.network, &Task::default()),
        format::write(&alone.network, &Task::default())
    );
    let spread = three.test_accuracy.expect("test samples");
    assert!(spread.count == 3 && spread.least <= spread.mean && spread.mean <= spread.most);
    assert!(study(&data, &config, 0, &mut ()).expect_err("none").to_string().contains("want at least 1"));
}
