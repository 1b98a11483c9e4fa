"""Drives the circuit in this folder with samples over AXI-Stream and compares its results with the network's.

What to send and what must come back is in the vectors file; which bit is what, in manifest.json.

    pip install "cocotb>=2,<3" "cocotbext-axi>=0.1.28"
    python FILE                 on Icarus Verilog
    python FILE verilator       on Verilator, 5.036 or later: cocotb 2 refuses older ones

The exit status is 0 when all tests pass. In a project of one's own, name this file as a test module of cocotb; it must lie
beside the manifest.
"""

import itertools
import json
import logging
import random
import sys
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, with_timeout
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

FOLDER = Path(__file__).resolve().parent
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())
VECTORS = json.loads((FOLDER / f"{MANIFEST['top']}_vectors.json").read_text())
PERIOD_NS = 10
# Cycles without a result after which the circuit counts as stuck, at least.
PATIENCE = 10_000


def pack(stream, vector):
    """Beats of a vector: in beat b, lane l carries element order[b * lanes + l]."""
    lanes, order = stream["lanes"], stream["order"]
    for first in range(0, len(order), len(lanes)):
        elements = order[first : first + len(lanes)]
        yield sum((vector[e] % (1 << lane["width"])) << lane["lsb"] for lane, e in zip(lanes, elements))


def unpack(stream, beats):
    """The vector that beats carry."""
    lanes, order = stream["lanes"], stream["order"]
    vector = [0] * (max(order) + 1)
    for position, element in enumerate(order):
        lane = lanes[position % len(lanes)]
        value = beats[position // len(lanes)] >> lane["lsb"] & ((1 << lane["width"]) - 1)
        negative = lane["signed"] and value >> (lane["width"] - 1)
        vector[element] = value - (1 << lane["width"]) if negative else value
    return vector


def pauses(share, seed):
    """True in a cycle that is to be stalled."""
    draws = random.Random(seed)
    return (draws.random() < share for _ in itertools.count())


@cocotb.test()
@cocotb.parametrize(stalls=[0.0, 0.25, 0.75])
async def results_are_those_of_the_network(dut, stalls):
    """Every sample, with this share of the cycles stalled at random on both streams."""
    clock, reset = getattr(dut, MANIFEST["clock"]), getattr(dut, MANIFEST["reset"])
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), clock, reset, byte_lanes=1)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), clock, reset, byte_lanes=1)
    source.log.setLevel(logging.WARNING)
    sink.log.setLevel(logging.WARNING)
    reset.value = 1
    Clock(clock, PERIOD_NS, unit="ns").start()
    await ClockCycles(clock, 4)
    reset.value = 0
    await ClockCycles(clock, 1)
    source.set_pause_generator(pauses(stalls, 1))
    sink.set_pause_generator(pauses(stalls, 2))
    for sample in VECTORS["samples"]:
        # A list even of bytes: a word of the stream is an item, however wide.
        source.send_nowait(AxiStreamFrame(list(pack(MANIFEST["input"], sample))))
    timing = MANIFEST["timing"]
    cycles = max(PATIENCE, 16 * (timing["latency"] + timing["interval"]))
    for index, want in enumerate(VECTORS["results"]):
        frame = await with_timeout(sink.recv(), cycles * PERIOD_NS, "ns")
        got = unpack(MANIFEST["output"], list(frame.tdata))
        assert got == want, f"sample {index}: the circuit gives {got}, the network {want}"
    assert sink.empty(), "more results than samples"
    assert not int(dut.frame_error.value), "frame_error is set"


def main():
    """Builds and runs the circuit on a simulator."""
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    simulator = sys.argv[1] if len(sys.argv) > 1 else "icarus"
    sources = [FOLDER / name for name in VECTORS["sources"]]
    build = FOLDER / f"cocotb_{simulator}"
    runner = get_runner(simulator)
    runner.build(
        sources=sources, hdl_toplevel=MANIFEST["top"], build_dir=build, always=True, timescale=("1ns", "1ps")
    )
    sys.path.insert(0, str(FOLDER))
    results = runner.test(Path(__file__).stem, MANIFEST["top"], build_dir=build, test_dir=build)
    tests, failed = get_results(results)
    sys.exit(1 if failed or not tests else 0)


if __name__ == "__main__":
    main()
