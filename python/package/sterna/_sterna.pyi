"""What the package offers. Samples are integers of any width up to 64 bits with sign, or booleans, one row a sample; rows
that lie row-major in memory are read where they are. Long calls release the interpreter's lock."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Path: TypeAlias = str | PathLike[str]
Family: TypeAlias = Literal["ice40", "ecp5", "gowin", "xcup"]
Style: TypeAlias = Literal["unrolled", "serial:1", "serial:2", "serial:4"] | int

__version__: str

class SternaError(Exception):
    """Bad input, or a tool that failed. The message is the one that the command prints."""

def load(path: Path) -> Network:
    """Reads a network file, as `sterna train` writes it."""

def import_onnx(
    path: Path,
    *,
    range: tuple[int, int] | None = None,
    scale: str = "1",
    offset: str = "0",
    name: str | None = None,
    scores: bool = False,
    ternarise: Literal["twn", "tga"] | None = None,
    calibrate: ArrayLike | None = None,
    bits: int = 4,
) -> Network:
    """Reads a model in ONNX with the quantisers of ONNX or QONNX, as `sterna import` does; all nodes that an integer network
    cannot hold are refused at once. Samples are the codes of the model's own input quantiser, or the integers of `range`,
    of which 1 stands for `scale` and 0 for `offset` in the model, as decimals or fractions (`"1/255"`). `scores` ends the
    network with the scores instead of the class. `ternarise` makes weights of floats ternary and quantises activations to
    `bits`, without training; `calibrate` holds a few hundred samples, integers, that say how large values become."""

def open(folder: Path) -> Design:
    """Reads a build folder, as `sterna compile` and `Design.write` write it, with its Verilog as it lies there."""

def dataset(spec: str, *, data_dir: Path | None = None, offline: bool = False) -> dict[str, NDArray[np.uint8]]:
    """The arrays `x_train`, `y_train`, `x_test` and `y_test` of a data set.

    `spec` is `mnist`, `fashion-mnist`, `cifar10`, `optdigits`, `digits` (drawn by the program; `digits:TRAIN,TEST` for other sizes) or
    a path to a .npz, .npy or .csv file. `data_dir` is searched before the cache and the download; the variable STERNA_DATA
    stands for it. A row is a sample, its elements row-major.
    """

@final
class Layer:
    """A layer of a network. Shapes are (height, width), images (channels, height, width), row-major."""

    @staticmethod
    def dense(weights: ArrayLike, bias: ArrayLike | None = None, *, name: str = "dense") -> Layer:
        """`y = weights @ x + bias`; weights (outputs, inputs), integers of 16 bits, ternary for small circuits."""

    @staticmethod
    def conv2d(
        weights: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        input: tuple[int, int, int],
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        groups: int = 1,
        name: str = "conv2d",
    ) -> Layer:
        """Cross-correlation, as PyTorch has it; weights (outputs, channels / groups, kernel height, kernel width)."""

    @staticmethod
    def threshold(
        thresholds: ArrayLike,
        falling: Sequence[bool] | None = None,
        *,
        positions: int = 1,
        thermometer: bool = False,
        name: str = "threshold",
    ) -> Layer:
        """Codes: how many of a channel's thresholds, (channels, levels) in ascending order, `x` reaches from below; for
        the channels where `falling` is true, from above. `positions` is the number of elements of a channel, 1 for a
        vector. `thermometer` keeps the comparisons apart as bits, [channels, levels, positions]."""

    @staticmethod
    def max_pool(
        *, input: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int] | None = None, name: str = "max_pool"
    ) -> Layer:
        """The largest element of each window, without padding; windows side by side unless `stride` says otherwise."""

    @staticmethod
    def sum_pool(
        *, input: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int] | None = None, name: str = "sum_pool"
    ) -> Layer:
        """The sum of each window, without padding."""

    @staticmethod
    def add(from_layer: int, *, name: str = "add") -> Layer:
        """Adds the output of an earlier layer, counted from 0: a residual sum."""

    @staticmethod
    def argmax(*, name: str = "argmax") -> Layer:
        """Index of the largest element, the lowest on a tie; the last layer of a classifier."""

@final
class Network:
    """An integer network: the meaning that circuits are compiled from and proved against."""

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        shape: tuple[int, ...],
        range: tuple[int, int] | Sequence[tuple[int, int]],
        name: str = "network",
    ) -> None:
        """A chain of layers on inputs of `shape`, (n,) or (channels, height, width), every element within `range`, or within that
        of its channel."""

    @staticmethod
    def matrix(
        weights: ArrayLike, *, range: tuple[int, int] | Sequence[tuple[int, int]], name: str = "matrix"
    ) -> Network:
        """The bare product `y = x @ weights`, weights (inputs, outputs), each x within `range`, or within its own."""

    @staticmethod
    def from_text(text: str) -> Network:
        """Reads the text of a network file."""

    def to_text(self) -> str:
        """The text of the network file; the same network gives the same text."""

    def save(self, path: Path) -> None:
        """Writes the network file, whole or not at all."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def range(self) -> tuple[int, int]:
        """The smallest range around all elements."""

    @property
    def notes(self) -> list[str]:
        """What the import of a model says of it; empty otherwise."""

    @property
    def classes(self) -> list[str]:
        """Names of the classes, their numbers where no names are known; empty where the network gives no class."""

    def info(self) -> dict[str, Any]:
        """The object that `sterna info --json` prints."""

    def evaluate(self, samples: ArrayLike) -> NDArray[np.int64]:
        """The last layer's output for each sample, (samples, outputs), by the reference evaluator."""

    def trace(self, samples: ArrayLike) -> list[NDArray[np.int64]]:
        """The output of every layer, (samples, outputs) each, by the reference evaluator."""

    def compile(
        self,
        *,
        unrolled: bool = False,
        pes: int | None = None,
        style: Sequence[Style] | None = None,
        target: Family | None = None,
        board: str | None = None,
        clock_mhz: float | None = None,
        levels_per_stage: int | None = None,
        input_lanes: int | None = None,
        sharing: int | None = 1,
        top: str | None = None,
    ) -> Design:
        """Compiles the network to a circuit that is proved to compute it; the choices are those of `sterna compile`.

        Give at most one of `unrolled` (adder trees: a sample every cycle), `pes` (folded onto so many processing elements
        in all) and `style` (one choice per layer of weights). `board` brings its family, clock, pins and top level.
        `sharing=None` gives every neuron adders of its own.
        """

@final
class Design:
    """A compiled network."""

    @property
    def top(self) -> str:
        """Name of the top module."""

    @property
    def latency(self) -> int:
        """Cycles from the first beat of a sample to the last of its result, without stalls."""

    @property
    def interval(self) -> int:
        """Cycles between samples in steady state, without stalls."""

    @property
    def verilog(self) -> dict[str, str]:
        """The Verilog: text by file name."""

    def info(self) -> dict[str, Any]:
        """The object that `sterna info --json` prints."""

    def estimate(self, family: Family | None = None) -> dict[str, Any]:
        """The object that `sterna estimate --json` prints: LUT, FF, block RAM and clock by the cost model."""

    def simulate(
        self, samples: ArrayLike, *, stalls: int = 25, seed: int = 1, threads: int | None = None
    ) -> Simulation:
        """Runs the circuit cycle by cycle, both streams stalled in `stalls` percent of all cycles."""

    def verify(
        self,
        samples: ArrayLike | None = None,
        *,
        count: int = 1000,
        stalls: int = 25,
        seed: int = 1,
        cache_dir: Path | None = None,
        vcd: Path | None = None,
    ) -> dict[str, Any]:
        """Compares evaluator, simulator and Verilator, cycle by cycle; the object that `sterna verify --json` prints, whose
        `equal` is the verdict. Without samples, `count` corner cases, sums exactly at thresholds, and noise."""

    def write(
        self,
        folder: Path,
        *,
        cocotb: bool = False,
        package: bool = False,
        force: bool = False,
    ) -> list[str]:
        """Writes a build folder, as `sterna compile` does, and returns the names of its files. `cocotb` adds a cocotb test,
        `package` what FuseSoC, Vivado's IP integrator, VHDL and rust-hdl projects take a core by."""

@final
class Simulation:
    """What a simulation gave. Samples are split into runs of neighbours, each from reset with stalls of its own."""

    @property
    def outputs(self) -> NDArray[np.int64]:
        """The last layer's output for each sample, (samples, outputs)."""

    @property
    def started(self) -> NDArray[np.uint64]:
        """Cycle of its run in which the first beat of each sample moved in."""

    @property
    def finished(self) -> NDArray[np.uint64]:
        """Cycle of its run in which the last beat of each result moved out."""

    @property
    def cycles(self) -> int:
        """Simulated cycles of all runs."""
