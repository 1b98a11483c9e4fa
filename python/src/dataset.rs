//! Data sets as arrays.

use std::path::PathBuf;

use numpy::PyArray;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sterna::trainer::data::{self, Options};

use crate::error::Result;

/// Reads a data set: its four arrays and the names of its classes.
#[pyfunction]
#[pyo3(signature = (spec, *, data_dir=None, offline=false))]
pub fn dataset<'py>(
    py: Python<'py>,
    spec: &str,
    data_dir: Option<PathBuf>,
    offline: bool,
) -> Result<Bound<'py, PyDict>> {
    let data_dir = data_dir.or_else(|| std::env::var_os("STERNA_DATA").map(PathBuf::from));
    // The same split of one's own tables as the command's.
    let options = Options { data_dir, offline, seed: data::SPLIT_SEED, ..Options::default() };
    let dataset = py.detach(|| data::load(spec, &options, &|_, _, _| ()))?;
    let arrays = PyDict::new(py);
    let shaped = |x| PyArray::from_owned_array(py, x);
    arrays.set_item("x_train", shaped(dataset.train.x))?;
    arrays.set_item("y_train", PyArray::from_vec(py, dataset.train.y))?;
    arrays.set_item("x_test", shaped(dataset.test.x))?;
    arrays.set_item("y_test", PyArray::from_vec(py, dataset.test.y))?;
    Ok(arrays)
}
