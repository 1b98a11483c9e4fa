"""Anchor matrices, the peers' stored figures on them, and the compiler's run on one matrix."""

import array
import csv
import importlib.util
import json
import os
import random
import resource
import struct
import subprocess
import sys
import zlib

from common import build

RANGES = {"s8": (-128, 127), "u8": (0, 255), "u2": (0, 3), "u1": (0, 1)}


def figures_of(folder, name, keys):
    """Rows of a .csv by the tuple of their key columns."""
    with open(os.path.join(folder, name), newline="") as file:
        return {tuple(row[k] for k in keys): row for row in csv.DictReader(file)}


def have(package):
    """Whether a Python package can be imported."""
    return importlib.util.find_spec(package) is not None


def matrix(anchors, name, scratch):
    """Path of a matrix: the stored one, or made by the recipe if numpy is there, else None."""
    stored = os.path.join(anchors, "matrices", name + ".npy")
    if os.path.exists(stored):
        return stored
    if not have("numpy"):
        print(f"SKIPPED: {name} is not stored, and numpy, which the recipe needs, cannot be imported", file=sys.stderr)
        return None
    import numpy

    size, zeros = name.removeprefix("m_").split("_z")
    n, m = map(int, size.split("x"))
    nonzeros = round((1 - int(zeros) / 100) * n * m)
    values = numpy.zeros(n * m, numpy.int8)
    values[: (nonzeros + 1) // 2] = 1
    values[(nonzeros + 1) // 2 : nonzeros] = -1
    rng = numpy.random.default_rng(zlib.crc32(f"{n}x{m}x{zeros}".encode()))
    path = os.path.join(scratch, name + ".npy")
    numpy.save(path, rng.permutation(values).reshape(n, m))
    return path


def random_matrix(n, m, zeros, scratch):
    """Path of a ternary matrix that no peer was measured on."""
    draw = random.Random(f"{n}x{m}x{zeros}")
    values = array.array("b", (0 if draw.random() < zeros else draw.choice((-1, 1)) for _ in range(n * m)))
    header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': ({n}, {m}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    path = os.path.join(scratch, f"random_{n}x{m}.npy")
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())
    return path


class Compiler:
    """The compiler for bare matrices, built when first used."""

    def __init__(self):
        self.path = build("-p", "sterna-hdl", "--example", "matrix", name="examples/matrix")

    def run(self, path, range_name, family, effort, folder, *more):
        """Figures of one matrix, with the CPU seconds that the whole program took."""
        lo, hi = RANGES[range_name]
        command = [self.path, path, str(lo), str(hi), family, str(effort), folder, *more]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if run.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {run.returncode}")
        figures = json.loads(run.stdout)
        figures["cpu"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return figures


def da4ml(path, range_name):
    """Adders and CPU seconds of da4ml's better setting (fewest adders), run here; None without the package."""
    if not (have("da4ml") and have("numpy")):
        return None
    os.environ["OMP_NUM_THREADS"] = "1"
    import time

    import numpy
    from da4ml.cmvm import solve

    kernel = numpy.load(path).astype(numpy.float32)
    lo, hi = RANGES[range_name]
    best = None
    for search in [True, False]:
        start = time.process_time()
        solution = solve(kernel, qintervals=[(lo, hi, 1)] * len(kernel), search_all_decompose_dc=search)
        seconds = time.process_time() - start
        adders = sum(op.opcode in (0, 1) for stage in solution.solutions for op in stage.ops)
        if best is None or (adders, seconds) < best:
            best = (adders, seconds)
    return best


def alkaid(path, range_name):
    """Chain output bits of alkaid's fused graph, its cost (the lower of plain and fused) and CPU seconds, run here; None
    without the package."""
    if not (have("alkaid") and have("numpy")):
        return None
    os.environ["OMP_NUM_THREADS"] = "1"
    import time

    import numpy
    from alkaid.trace import FVArray, HWConfig, trace
    from alkaid.trace.passes import dead_code_elimin, fuse_ternary_adders

    # Another memory layout is silently solved wrongly.
    kernel = numpy.ascontiguousarray(numpy.load(path), numpy.float32)
    lo, hi = RANGES[range_name]
    sign, integer = int(lo < 0), hi.bit_length()
    start = time.process_time()
    x = FVArray.from_kif(*(numpy.full(len(kernel), v) for v in (sign, integer, 0)), HWConfig(1, -1, -1))
    plain = trace(x, x @ kernel)
    fused = dead_code_elimin(fuse_ternary_adders(plain))
    seconds = time.process_time() - start
    chains = [op for op in fused.ops if op.opcode in (0, 1, 11)]
    return sum(sum(op.qint.kif) for op in chains), min(plain.cost, fused.cost), seconds
