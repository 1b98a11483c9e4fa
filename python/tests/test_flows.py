"""What a build folder holds for other tools, run by those tools: cocotb on both simulators, FuseSoC."""

import os
import re
import shutil
import subprocess
import sys

import pytest

# Older Verilators cannot run cocotb 2.
VERILATOR_OF_COCOTB = 5.036


def run(*command, folder):
    """Exit status and output of a command."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def need(tool, *version):
    """The tool's version; its absence skips, and fails under CI."""
    if shutil.which(tool) is None:
        if "CI" in os.environ:
            pytest.fail(f"{tool} is missing under CI; scripts/setup.sh installs it")
        pytest.skip(f"{tool} is not on the PATH; scripts/setup.sh installs it")
    return run(tool, *version, folder=".")[1] if version else None


@pytest.fixture(scope="module", params=[{"unrolled": True}, {"pes": 3}], ids=["unrolled", "folded"])
def folder(request, network, tmp_path_factory):
    """A build folder with everything in it."""
    folder = tmp_path_factory.mktemp("flows") / "build"
    design = network.compile(**request.param, top="core")
    files = design.write(folder, cocotb=True, package=True)
    extra = {"core_cocotb.py", "core_vectors.json", "core.f", "core.core", "core_ip.tcl", "core_component.vhd"}
    assert extra < set(files)
    return folder


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_cocotb_passes_and_fails_on_a_broken_core(folder, simulator, tmp_path):
    pytest.importorskip("cocotbext.axi", reason="cocotbext-axi is not installed")
    if simulator == "icarus":
        need("iverilog")
    else:
        version = float(re.search(r"Verilator (\d+\.\d+)", need("verilator", "--version")).group(1))
        if version < VERILATOR_OF_COCOTB:
            pytest.skip(f"Verilator {version:.3f}: cocotb 2 needs {VERILATOR_OF_COCOTB} or later")
    copy = shutil.copytree(folder, tmp_path / "core")
    status, said = run(sys.executable, "core_cocotb.py", simulator, folder=copy)
    assert status == 0 and "PASS=3 FAIL=0" in said, said
    # The largest sum becomes the smallest: a class other than the network's.
    source = copy / "core_argmax.v"
    text = source.read_text()
    broken = re.sub(r" >=? ", " < ", text, count=1)
    assert broken != text
    source.write_text(broken)
    status, said = run(sys.executable, "core_cocotb.py", simulator, folder=copy)
    assert status == 1 and "the circuit gives" in said and "FAIL=3" in said, said


def test_cocotb_finds_a_wrong_constant(folder, tmp_path):
    pytest.importorskip("cocotbext.axi", reason="cocotbext-axi is not installed")
    need("iverilog")
    copy = shutil.copytree(folder, tmp_path / "core")
    # A threshold of the first layer: compared with a sum, or in a table where the layer is folded.
    source = copy / "core_layer0.v"
    text = source.read_text()
    broken = re.sub(r">= (\d+)'sd\d+", r">= \1'sd0", text, count=1)
    if broken == text:
        broken = re.sub(r"(t_rom0\[3\] = \d+'h)[0-9a-f]+", r"\g<1>0", text, count=1)
    assert broken != text
    source.write_text(broken)
    status, said = run(sys.executable, "core_cocotb.py", folder=copy)
    assert status == 1 and "the circuit gives" in said, said


@pytest.mark.parametrize("target", ["lint", "sim"])
def test_fusesoc_lints_and_simulates(folder, tmp_path, target):
    need({"lint": "verilator", "sim": "iverilog"}[target])
    if shutil.which("fusesoc") is None:
        pytest.skip("fusesoc is not on the PATH: pip install fusesoc")
    copy = shutil.copytree(folder, tmp_path / "core")
    status, said = run("fusesoc", "--cores-root", copy, "run", f"--target={target}", "sterna::core", folder=tmp_path)
    assert status == 0, said
    assert target == "lint" or "PASS 16 results" in said, said
