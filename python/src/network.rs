//! Networks: read, made from layers, evaluated, compiled.

use std::path::PathBuf;

use numpy::PyArray2;
use pyo3::prelude::*;
use rayon::prelude::*;
use sterna::board::Board;
use sterna::build::Target;
use sterna::hdl::family::Family;
use sterna::hdl::{Folding, Options, Style};
use sterna::ir::{self, Input, LayerOp, Range, Ranges, Task, eval, format};
use sterna::onnx::Ternarise;
use sterna::{choices, describe, store};

use crate::arrays::{Integers, Samples, rows, tuple, wide, with_values};
use crate::design::Design;
use crate::error::{Result, object};
use crate::layer::Layer;

/// An integer network.
#[pyclass(frozen, module = "sterna")]
pub struct Network {
    network: ir::Network,
    task: Task,
    /// What the import of a model says of it.
    #[pyo3(get)]
    notes: Vec<String>,
}

/// Reads a network file.
#[pyfunction]
pub fn load(path: PathBuf) -> Result<Network> {
    let (network, task) = store::read_network(&path)?;
    Ok(Network { network, task, notes: Vec::new() })
}

/// Reads a model of ONNX or QONNX.
#[pyfunction]
#[pyo3(signature = (path, *, range=None, scale="1", offset="0", name=None, scores=false, ternarise=None, calibrate=None, bits=4))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python, one per choice")]
pub fn import_onnx(
    py: Python<'_>,
    path: PathBuf,
    range: Option<(i64, i64)>,
    scale: &str,
    offset: &str,
    name: Option<&str>,
    scores: bool,
    ternarise: Option<&str>,
    calibrate: Option<&Bound<'_, PyAny>>,
    bits: u32,
) -> Result<Network> {
    let input = range.map(|(lo, hi)| (Range { lo, hi }, scale, offset));
    let ternarise = match (ternarise, calibrate) {
        (None, None) => None,
        (Some(method), Some(samples)) if (1..=8).contains(&bits) => {
            let weights = choices::ternary(method).map_err(anyhow::Error::msg)?;
            let (values, shape) = Integers::new("calibrate", samples)?;
            let elements = shape.iter().skip(1).product::<usize>().max(1);
            let samples = values.to_vec()?.chunks(elements).map(<[i64]>::to_vec).collect();
            Some(Ternarise { weights, bits, samples })
        }
        _ => return Err(anyhow::anyhow!("give ternarise and calibrate together, bits 1 to 8").into()),
    };
    let (import, task) = py.detach(|| store::read_model(&path, input, name, scores, ternarise))?;
    Ok(Network { network: import.network, task, notes: import.notes })
}

/// The style of one layer: a number of processing elements, or what `--style` takes.
#[derive(FromPyObject)]
enum StyleName {
    Pes(usize),
    Name(String),
}

impl StyleName {
    fn style(&self) -> anyhow::Result<Style> {
        match self {
            StyleName::Pes(pes) => Ok(Style::Folded { pes: *pes }),
            StyleName::Name(name) => name.parse().map_err(anyhow::Error::msg),
        }
    }
}

/// One range for all channels, or one for each.
#[derive(FromPyObject)]
enum RangeArg {
    Same((i64, i64)),
    ByChannel(Vec<(i64, i64)>),
}

impl From<RangeArg> for Ranges {
    fn from(given: RangeArg) -> Self {
        let range = |(lo, hi)| Range { lo, hi };
        match given {
            RangeArg::Same(ends) => Ranges::Same(range(ends)),
            RangeArg::ByChannel(ends) => Ranges::ByChannel(ends.into_iter().map(range).collect()),
        }
    }
}

/// Reads a family's name.
pub fn family(name: &str) -> anyhow::Result<Family> {
    choices::family(name).map_err(anyhow::Error::msg)
}

#[pymethods]
impl Network {
    #[new]
    #[pyo3(signature = (layers, *, shape, range, name="network"))]
    fn new(layers: Vec<PyRef<Layer>>, shape: Vec<usize>, range: RangeArg, name: &str) -> Result<Self> {
        let input = Input::new(shape, range);
        let layers = layers.iter().map(|l| l.0.clone()).collect();
        let network = ir::Network { name: name.into(), input, layers };
        network.check()?;
        Ok(Network { network, task: Task::default(), notes: Vec::new() })
    }

    #[staticmethod]
    #[pyo3(signature = (weights, *, range, name="matrix"))]
    fn matrix(weights: &Bound<'_, PyAny>, range: RangeArg, name: &str) -> Result<Self> {
        let (values, shape) = Integers::new("weights", weights)?;
        let [inputs, outputs] = shape[..] else {
            return Err(anyhow::anyhow!("weights of shape {}: want (inputs, outputs)", tuple(&shape)).into());
        };
        let network = store::matrix(name, [inputs, outputs], &values.to_vec()?, range)?;
        Ok(Network { network, task: Task::default(), notes: Vec::new() })
    }

    #[staticmethod]
    fn from_text(text: &str) -> Result<Self> {
        let (network, task) = format::read(text)?;
        Ok(Network { network, task, notes: Vec::new() })
    }

    fn to_text(&self) -> String {
        format::write(&self.network, &self.task)
    }

    fn save(&self, path: PathBuf) -> Result<()> {
        store::ensure_network(&path)?;
        Ok(store::write(&path, self.to_text().as_bytes())?)
    }

    #[getter]
    fn name(&self) -> &str {
        &self.network.name
    }

    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, &self.network.input.shape)
    }

    #[getter]
    fn range(&self) -> (i64, i64) {
        let Range { lo, hi } = self.network.input.range();
        (lo, hi)
    }

    /// Names of the classes; their numbers where the data knew no names.
    #[getter]
    fn classes(&self) -> Vec<String> {
        match &self.task.classes[..] {
            [] if matches!(self.network.layers.last().map(|l| &l.op), Some(LayerOp::ArgMax)) => {
                (0..self.network.classes()).map(|class| class.to_string()).collect()
            }
            names => names.to_vec(),
        }
    }

    fn info<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(object(py, &describe::network(&self.network, &self.task)?)?)
    }

    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        samples: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyArray2<i64>>> {
        let last = self.network.layers.len() - 1;
        let outputs = self.each(py, samples, |mut trace| trace.swap_remove(last))?;
        rows(py, outputs, self.network.outputs(last))
    }

    fn trace<'py>(
        &self,
        py: Python<'py>,
        samples: &Bound<'py, PyAny>,
    ) -> Result<Vec<Bound<'py, PyArray2<i64>>>> {
        let traces = self.each(py, samples, |trace| trace)?;
        let mut layers = vec![Vec::with_capacity(traces.len()); self.network.layers.len()];
        for (index, vector) in traces.into_iter().flat_map(|trace| trace.into_iter().enumerate()) {
            layers[index].push(vector);
        }
        layers
            .into_iter()
            .enumerate()
            .map(|(index, all)| rows(py, all, self.network.outputs(index)))
            .collect()
    }

    #[pyo3(signature = (*, unrolled=false, pes=None, style=None, target=None, board=None, clock_mhz=None, levels_per_stage=None,
                        input_lanes=None, sharing=Some(1), top=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python, one per choice")]
    fn compile(
        &self,
        py: Python<'_>,
        unrolled: bool,
        pes: Option<usize>,
        style: Option<Vec<StyleName>>,
        target: Option<&str>,
        board: Option<&str>,
        clock_mhz: Option<f64>,
        levels_per_stage: Option<u32>,
        input_lanes: Option<usize>,
        sharing: Option<u32>,
        top: Option<String>,
    ) -> Result<Design> {
        let folding = match (unrolled, pes, style) {
            (false, None, None) => choices::default_folding(&self.network),
            (true, None, None) => Folding::Unrolled,
            (false, Some(pes), None) => Folding::Pes(pes),
            (false, None, Some(styles)) => {
                Folding::PerLayer(styles.iter().map(StyleName::style).collect::<anyhow::Result<_>>()?)
            }
            _ => return Err(anyhow::anyhow!("give one of unrolled, pes and style").into()),
        };
        let place = Target::choose(board, clock_mhz)?;
        let family = target.map(family).transpose()?.or(place.board.as_ref().and_then(Board::family));
        let (clock_khz, levels_per_stage) = choices::registers(family, clock_mhz, levels_per_stage)?;
        let options = Options {
            folding,
            levels_per_stage,
            clock_khz,
            input_lanes,
            sharing,
            top,
            family,
            ..Options::default()
        };
        let network = (self.network.clone(), self.task.clone());
        Ok(py.detach(|| Design::compile(network, options, place))?)
    }

    fn __repr__(&self) -> String {
        let shape = tuple(&self.network.input.shape);
        format!(
            "<sterna.Network {:?}: {} layers, input {shape}>",
            self.network.name,
            self.network.layers.len()
        )
    }
}

impl Network {
    /// Evaluates all samples, keeping what `keep` takes of each trace.
    fn each<T: Send>(
        &self,
        py: Python<'_>,
        samples: &Bound<'_, PyAny>,
        keep: impl Fn(eval::Trace) -> T + Sync + Send,
    ) -> Result<Vec<T>> {
        let Samples { values, elements } = Samples::new(&self.network, samples)?;
        let evaluate = |row: Vec<i64>| Ok(keep(eval::evaluate(&self.network, &row)?));
        let all: std::result::Result<Vec<T>, ir::Error> = with_values!(&values, values => py.detach(|| {
            values.par_chunks_exact(elements).map(|row| evaluate(wide(row))).collect()
        }));
        Ok(all?)
    }
}
