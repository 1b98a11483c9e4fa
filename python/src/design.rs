//! Designs: compiled networks, simulated, verified, estimated, written.

use std::path::PathBuf;

use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use sterna::build::{self, Build, Extras, Target};
use sterna::check::{self, Request};
use sterna::hdl::Options;
use sterna::ir::{Network, Task};
use sterna::sim::{self, Rows};
use sterna::{choices, describe, stimuli};

use crate::arrays::{Samples, rows, with_values};
use crate::error::{Result, object};
use crate::network::family;

/// A compiled network.
#[pyclass(frozen, module = "sterna")]
pub struct Design {
    build: Build,
    target: Target,
}

/// Reads a build folder.
#[pyfunction]
pub fn open(py: Python<'_>, folder: PathBuf) -> Result<Design> {
    let build = py.detach(|| build::open(&folder))?;
    let board = build.board.as_ref().map(|on| on.board.key.as_str());
    let target = Target::choose(board, build.options.clock_khz.map(|khz| f64::from(khz) / 1000.0))?;
    Ok(Design { build, target })
}

/// What a simulation gave.
#[pyclass(frozen, get_all, module = "sterna")]
pub struct Simulation {
    /// The results, `(samples, outputs)`.
    outputs: Py<PyArray2<i64>>,
    /// Cycle of its run in which the first beat of each sample moved in.
    started: Py<PyArray1<u64>>,
    /// Cycle of its run in which the last beat of each result moved out.
    finished: Py<PyArray1<u64>>,
    /// Simulated cycles of all runs.
    cycles: u64,
}

impl Design {
    /// Compiles a network, for the board and clock of `target`.
    pub fn compile(network: (Network, Task), options: Options, target: Target) -> anyhow::Result<Self> {
        let mut build = build::compile(network, options)?;
        if let Some(board) = &target.board {
            build.mount(board)?;
        }
        Ok(Design { build, target })
    }
}

#[pymethods]
impl Design {
    #[getter]
    fn top(&self) -> &str {
        &self.build.emitted.top
    }

    #[getter]
    fn latency(&self) -> u64 {
        self.build.design.timing.latency
    }

    #[getter]
    fn interval(&self) -> u64 {
        self.build.design.timing.interval
    }

    /// The Verilog, file by file.
    #[getter]
    fn verilog<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let files = PyDict::new(py);
        self.build.sources.iter().try_for_each(|file| files.set_item(&file.name, &file.text))?;
        Ok(files)
    }

    fn info<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(object(py, &describe::build(&self.build)?)?)
    }

    #[pyo3(signature = (family=None))]
    fn estimate<'py>(&self, py: Python<'py>, family: Option<&str>) -> Result<Bound<'py, PyAny>> {
        let families = self.build.families(family.map(self::family).transpose()?)?;
        let estimates: Vec<_> =
            py.detach(|| families.iter().map(|family| self.build.estimate(*family)).collect());
        let timing = &self.build.design.timing;
        let all = json!({ "estimates": estimates, "latency": timing.latency, "interval": timing.interval });
        Ok(object(py, &all)?)
    }

    #[pyo3(signature = (samples, *, stalls=25, seed=1, threads=None))]
    fn simulate(
        &self,
        py: Python<'_>,
        samples: &Bound<'_, PyAny>,
        stalls: u8,
        seed: u64,
        threads: Option<usize>,
    ) -> Result<Simulation> {
        let design = &self.build.design;
        let threads = threads.map(choices::threads).transpose()?;
        let options = sim::Options { threads, ..check::options(stalls, seed)? };
        let Samples { values, elements } = Samples::new(&self.build.network, samples)?;
        let options = check::in_parts(options, with_values!(&values, values => values.len()) / elements);
        let run = with_values!(&values, values => py.detach(|| {
            sim::stream(design, &Rows::new(design, values, elements)?, &options, &|_, _| ())
        }))?;
        let (cycles, width) = (run.cycles(), design.output.order.len());
        Ok(Simulation {
            outputs: rows(py, run.outputs, width)?.unbind(),
            started: PyArray1::from_vec(py, run.started).unbind(),
            finished: PyArray1::from_vec(py, run.finished).unbind(),
            cycles,
        })
    }

    #[pyo3(signature = (samples=None, *, count=1000, stalls=25, seed=1, cache_dir=None, vcd=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        samples: Option<&Bound<'py, PyAny>>,
        count: usize,
        stalls: u8,
        seed: u64,
        cache_dir: Option<PathBuf>,
        vcd: Option<PathBuf>,
    ) -> Result<Bound<'py, PyAny>> {
        let build = &self.build;
        let options = check::options(stalls, seed)?;
        let samples = match samples {
            Some(samples) => Samples::new(&build.network, samples)?.to_rows()?,
            None => stimuli::made(&build.network, count, seed),
        };
        let verdict = py.detach(|| {
            let cache = check::cache(cache_dir.as_deref())?;
            let request = Request {
                samples: &samples,
                classes: None,
                options,
                before: None,
                cache: &cache,
                wave: vcd.as_deref(),
                minimise: false,
                part: None,
            };
            check::check(build, &request, &[sim::verilator::Tool::Verilator], &|_| ())
        })?;
        Ok(object(py, &verdict.object(build))?)
    }

    #[pyo3(signature = (folder, *, cocotb=false, package=false, force=false))]
    fn write(
        &self,
        py: Python<'_>,
        folder: PathBuf,
        cocotb: bool,
        package: bool,
        force: bool,
    ) -> Result<Vec<String>> {
        let target = self.target.clone().with(Extras { cocotb, package });
        Ok(py.detach(|| build::write(&self.build, &target, &folder, force))?)
    }

    fn __repr__(&self) -> String {
        let timing = &self.build.design.timing;
        format!(
            "<sterna.Design {:?}: latency {} cycles, a sample every {}>",
            self.build.emitted.top, timing.latency, timing.interval
        )
    }
}

#[pymethods]
impl Simulation {
    fn __repr__(&self) -> String {
        format!("<sterna.Simulation: {} cycles>", self.cycles)
    }
}
