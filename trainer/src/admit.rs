//! What is refused before a training begins, and before anything is allocated for it.

use crate::data::Dataset;
use crate::{Error, Result};

/// Refuses data sets whose parts do not fit, and those without anything to learn.
pub(crate) fn data(dataset: &Dataset) -> Result<()> {
    let fail = |what: String| Err(Error::Data { name: dataset.name.clone(), what });
    let elements = dataset.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(0);
    if dataset.shape.is_empty() || elements == 0 || elements > sterna_ir::MAX_ELEMENTS {
        return fail(format!("shape {:?}; want 1 to {} elements", dataset.shape, sterna_ir::MAX_ELEMENTS));
    }
    if !(2..=256).contains(&dataset.classes) {
        return fail(format!("{} classes; want 2 to 256", dataset.classes));
    }
    if !sterna_ir::Range::new(0, 255).covers(dataset.range) || dataset.range.lo > dataset.range.hi {
        return fail(format!("features in {}; want a range within 0..=255", dataset.range));
    }
    if dataset.train.y.is_empty() {
        return fail("no training samples; want at least one".into());
    }
    for (name, split) in [("training", &dataset.train), ("test", &dataset.test)] {
        if split.x.nrows() != split.y.len() {
            return fail(format!(
                "{} {name} samples but {} labels; want as many",
                split.x.nrows(),
                split.y.len()
            ));
        }
        if split.x.ncols() != elements && !split.y.is_empty() {
            return fail(format!(
                "{name} samples have {} elements; the shape has {elements}",
                split.x.ncols()
            ));
        }
        if let Some(i) = split.y.iter().position(|&y| usize::from(y) >= dataset.classes) {
            return fail(format!(
                "label {} of {name} sample {i}; want below {}",
                split.y[i], dataset.classes
            ));
        }
        let outside = |v: &&u8| !dataset.range.contains(i64::from(**v));
        if let Some(v) = split.x.iter().find(outside) {
            return fail(format!("a {name} sample holds {v}, outside {}", dataset.range));
        }
    }
    Ok(())
}
