"""Designs: compiled, simulated, estimated, written, verified."""

import os
import re
import shutil
import threading
import time

import numpy as np
import pytest
import sterna
from sterna import Network, SternaError

STYLES = [{}, {"unrolled": True}, {"pes": 3}, {"style": ["unrolled", 2]}, {"target": "ecp5", "clock_mhz": 100}]


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_the_circuit_gives_what_the_network_does(network, samples, expected, style):
    design = network.compile(**style)
    quiet = design.simulate(samples, stalls=0)
    stalled = design.simulate(samples, stalls=50, threads=1)
    for run in [quiet, stalled]:
        assert np.array_equal(run.outputs, expected[-1])
    assert quiet.cycles < stalled.cycles
    assert (quiet.finished - quiet.started).min() == design.latency


def test_the_same_seed_gives_the_same_cycles(network, samples):
    design = network.compile(pes=2)
    runs = [design.simulate(samples, seed=seed).finished.tolist() for seed in [4, 4, 5]]
    assert runs[0] == runs[1] != runs[2]


def test_choices_that_exclude_one_another_are_refused(network, samples):
    with pytest.raises(SternaError, match="give one of unrolled, pes and style"):
        network.compile(unrolled=True, pes=3)
    with pytest.raises(SternaError, match="both place the registers"):
        network.compile(target="ecp5", clock_mhz=100, levels_per_stage=1)
    with pytest.raises(SternaError, match="0 PEs; want at least 1"):
        network.compile(pes=0)
    with pytest.raises(SternaError, match="want ice40, ecp5, gowin, xcup or xc7"):
        network.compile(target="max10")
    with pytest.raises(SternaError, match="want `unrolled`, a number"):
        network.compile(style=["rolled", 2])
    with pytest.raises(SternaError, match="styles given: 1, layers of weights: 2"):
        network.compile(style=[2])
    with pytest.raises(SternaError, match="want 0 to 99"):
        network.compile().simulate(samples, stalls=100)
    for threads in [0, 100_000]:
        with pytest.raises(SternaError, match=f"threads {threads}: want 1 to 256"):
            network.compile().simulate(samples, threads=threads)


def test_the_estimate_names_every_module(network):
    design = network.compile(target="ecp5")
    report = design.estimate()
    (estimate,) = report["estimates"]
    assert estimate["family"] == "ecp5"
    assert estimate["total"]["lut"] > 10
    assert (report["latency"], report["interval"]) == (design.latency, design.interval)
    assert len(network.compile().estimate()["estimates"]) == 4
    with pytest.raises(SternaError, match="the design is mapped to ecp5"):
        design.estimate("xcup")


def test_a_build_folder_comes_back_as_it_was(network, samples, expected, tmp_path):
    design = network.compile(pes=2, top="core", board="ulx3s-85f")
    files = design.write(tmp_path / "build")
    assert set(files) == set(os.listdir(tmp_path / "build"))
    again = sterna.open(tmp_path / "build")
    assert again.verilog == design.verilog
    assert (again.top, again.info()) == ("core", design.info())
    assert np.array_equal(again.simulate(samples).outputs, expected[-1])
    source = tmp_path / "build" / next(iter(design.verilog))
    source.write_text(source.read_text() + "// mine\n")
    assert sterna.open(tmp_path / "build").info()["edited"] == [source.name]
    with pytest.raises(SternaError, match="was edited since it was compiled"):
        design.write(tmp_path / "build")
    design.write(tmp_path / "build", force=True)
    with pytest.raises(SternaError, match="is no build folder"):
        sterna.open(tmp_path)
    with pytest.raises(SternaError, match="no board"):
        network.compile(board="none")


@pytest.mark.skipif(not shutil.which("verilator") and "CI" not in os.environ, reason="Verilator is not on the PATH")
def test_verilator_agrees_and_a_fault_is_found(network, samples, tmp_path):
    design = network.compile(unrolled=True)
    report = design.verify(samples, cache_dir=tmp_path / "cache")
    assert report["equal"] and report["samples"] == 200
    assert design.verify(count=50, cache_dir=tmp_path / "cache")["cached"]
    design.write(tmp_path / "build")
    (name,) = [name for name in design.verilog if name.endswith("_layer0.v")]
    broken = re.sub(r">= (\d+)'sd\d+", r">= \1'sd0", design.verilog[name], count=1)
    assert broken != design.verilog[name]
    (tmp_path / "build" / name).write_text(broken)
    broken = sterna.open(tmp_path / "build").verify(samples, cache_dir=tmp_path / "cache", vcd=tmp_path / "fault.vcd")
    assert not broken["equal"] and broken["mismatch"]["kind"] == "value"
    assert (tmp_path / "fault.vcd").exists()


def test_other_threads_run_while_a_circuit_is_simulated():
    rng = np.random.default_rng(1)
    design = Network.matrix(rng.integers(-1, 2, (64, 64)), range=(-128, 127)).compile(pes=1)
    samples = rng.integers(-128, 128, (1000, 64), dtype=np.int8)
    started, times = threading.Event(), []

    def simulate():
        started.set()
        times.append(time.perf_counter())
        design.simulate(samples, threads=1)
        times.append(time.perf_counter())

    thread = threading.Thread(target=simulate)
    thread.start()
    started.wait()
    time.sleep(0.01)
    # Were the lock held, this line would be reached when the simulation is over.
    reached = time.perf_counter()
    thread.join()
    begun, ended = times
    assert reached - begun < (ended - begun) / 2
