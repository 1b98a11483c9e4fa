//! Errors: one exception, with the message that the command prints.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(
    sterna,
    SternaError,
    PyException,
    "Bad input, or a tool that failed; the command's message."
);

/// Errors of the facade and of this crate, on their way to Python.
pub struct Error(anyhow::Error);

/// Results that end in Python.
pub type Result<T> = std::result::Result<T, Error>;

impl<E: Into<anyhow::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Error(error.into())
    }
}

impl From<Error> for PyErr {
    fn from(Error(error): Error) -> PyErr {
        // What Python raised comes back as it was.
        error.downcast::<PyErr>().unwrap_or_else(|error| SternaError::new_err(format!("{error:#}")))
    }
}

/// An object as Python's own: dictionaries, lists, numbers and texts.
pub fn object<'py>(py: Python<'py>, value: &serde_json::Value) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (value.to_string(),))
}
