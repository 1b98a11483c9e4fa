//! Checkpoints: resumed trainings end in the same bytes, and unusable files are refused.

use std::fs;
use std::path::Path;

use sterna_ir::{Task, format};
use sterna_trainer::config::Weights;
use sterna_trainer::{Checkpoints, Config, Control, Error, Observer, Progress, train};

use crate::util::{config, dataset, few_inputs, methods};

/// Stops after a number of steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, progress: &Progress<'_>) -> Control {
        if progress.step == self.0 { Control::Stop } else { Control::Continue }
    }
}

fn file(folder: &Path, resume: bool) -> Checkpoints {
    Checkpoints { path: folder.join("training.ckpt"), every: 1, resume }
}

#[test]
fn a_stopped_training_resumes_to_the_same_bytes() {
    let data = dataset();
    for weights in methods().into_iter().chain([few_inputs()]) {
        let config = config(weights);
        let whole = train(&data, &config, None, &mut ()).expect("training");
        let folder = tempfile::tempdir().expect("a folder");
        // 11 steps per epoch: in the middle of the third, then of the last epoch.
        for stop in [27, 105] {
            let stopped = train(&data, &config, Some(&file(folder.path(), true)), &mut StopAfter(stop));
            assert!(matches!(stopped, Err(Error::Stopped { step, .. }) if step == stop), "{stopped:?}");
        }
        let resumed = train(&data, &config, Some(&file(folder.path(), true)), &mut ()).expect("resumed");
        assert_eq!(
            format::write(&resumed.network, &Task::default()),
            format::write(&whole.network, &Task::default()),
            "{:?}",
            config.weights
        );
        assert_eq!(resumed.history, whole.history);
        // A finished training resumes to its end at once.
        let again =
            train(&data, &config, Some(&file(folder.path(), true)), &mut StopAfter(1)).expect("finished");
        assert_eq!(
            format::write(&again.network, &Task::default()),
            format::write(&whole.network, &Task::default())
        );
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "no temporary is left");
    }
}

fn message(result: sterna_trainer::Result<sterna_trainer::Outcome>) -> String {
    match result {
        Err(error @ Error::Checkpoint { .. }) => error.to_string(),
        other => panic!("want a checkpoint error, got {other:?}"),
    }
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let data = dataset();
    let config = Config { epochs: 2, ..config(Weights::twn()) };
    let folder = tempfile::tempdir().expect("a folder");
    let resume = file(folder.path(), true);
    train(&data, &config, Some(&resume), &mut ()).expect("training");
    let good = fs::read(&resume.path).expect("a checkpoint");

    let mut cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "cut short"),
        (good[..20].to_vec(), "cut short"),
        (good[..good.len() - 1].to_vec(), "damaged"),
        (good[..good.len() / 2].to_vec(), "damaged"),
        ([&good[..], b"more"].concat(), "damaged"),
        (b"PK\x03\x04 is something else altogether, and long enough to be read".to_vec(), "not a checkpoint"),
    ];
    for place in [13, 44, good.len() / 2, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[place] ^= 4;
        cases.push((flipped, "damaged"));
    }
    let mut newer = good.clone();
    newer[8] = 9;
    cases.push((newer, "version 9"));
    for (bytes, expected) in cases {
        fs::write(&resume.path, bytes).expect("writable");
        let message = message(train(&data, &config, Some(&resume), &mut ()));
        assert!(message.contains(expected) && message.contains("training.ckpt"), "{message}");
    }

    fs::write(&resume.path, &good).expect("writable");
    let other = Config { seed: 99, ..config.clone() };
    assert!(message(train(&data, &other, Some(&resume), &mut ())).contains("other settings"));
    let mut changed = data.clone();
    changed.train.x[[3, 3]] ^= 1;
    assert!(message(train(&changed, &config, Some(&resume), &mut ())).contains("other data"));
    train(&data, &other, Some(&file(folder.path(), false)), &mut ()).expect("replaced when not resuming");
}

#[test]
fn an_unwritable_place_is_an_error() {
    let checkpoints = Checkpoints { path: "/nonexistent/folder/x.ckpt".into(), every: 1, resume: false };
    let config = Config { epochs: 1, ..config(Weights::twn()) };
    assert!(message(train(&dataset(), &config, Some(&checkpoints), &mut ())).contains("cannot write"));
}
