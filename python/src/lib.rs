//! Sterna for Python: the facade library, on NumPy arrays. What each name means to its user is in `sterna/_sterna.pyi`.

mod arrays;
mod dataset;
mod design;
mod error;
mod layer;
mod network;

use pyo3::prelude::*;

/// The extension module behind the package `sterna`.
#[pymodule]
mod _sterna {
    #[pymodule_export]
    use super::dataset::dataset;
    #[pymodule_export]
    use super::design::{Design, Simulation, open};
    #[pymodule_export]
    use super::error::SternaError;
    #[pymodule_export]
    use super::layer::Layer;
    #[pymodule_export]
    use super::network::{Network, import_onnx, load};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
