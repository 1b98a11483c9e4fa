#!/usr/bin/env python3
"""Makes the models of this folder and executes each with the `qonnx` package: NAME.onnx, NAME.json of samples and outcomes.

All numbers are multiples of powers of two, so that single precision is exact and ties are ties; nothing may differ.
"""

import json
import os

import numpy as np
import onnx
import qonnx.core.onnx_exec as executor
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES = 60


class Graph:
    """Nodes of a model; constants are given as arrays where they are used. `opset` and `quantisers` are versions of operators."""

    def __init__(self, name, *shape, opset=16, quantisers=1):
        self.name, self.shape, self.nodes, self.constants = name, shape, [], []
        self.opset, self.quantisers = opset, quantisers
        self.random = np.random.default_rng(len(name))

    def constant(self, value, kind=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(self, op, *inputs, **attributes):
        inputs = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        output = f"t{len(self.nodes)}"
        domain = "qonnx.custom_op.general" if op in ("Quant", "BipolarQuant", "Trunc", "MultiThreshold") else ""
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{op}{len(self.nodes)}", domain=domain, **attributes))
        return output

    def quant(self, x, scale, bits, zero=0.0, signed=1, narrow=0, mode="ROUND"):
        return self.add("Quant", x, scale, zero, float(bits), signed=signed, narrow=narrow, rounding_mode=mode)

    def weights(self, *shape, scale=0.5, bits=2, narrow=1):
        return self.quant(self.random.normal(0, 0.6, shape), scale, bits, narrow=narrow)

    def norm(self, x, channels):
        """Batch norm whose roots are powers of two, slopes of both signs and one of 0."""
        r = self.random
        gamma = r.choice([-1.0, 0.5, 1.0, 2.0], channels)
        gamma[-1] = 0
        return self.add("BatchNormalization", x, gamma, r.integers(-4, 5, channels) / 4, r.integers(-4, 5, channels) / 4,
                        r.choice([0.25, 1.0, 4.0], channels), epsilon=0.0)

    def write(self, output, spread=2.0, kind=TensorProto.FLOAT):
        def info(name, shape, kind=TensorProto.FLOAT):
            return helper.make_tensor_value_info(name, kind, shape)
        graph = helper.make_graph(self.nodes, self.name, [info("x", [SAMPLES, *self.shape])], [info(output, None, kind)], self.constants)
        sets = [helper.make_opsetid("", self.opset), helper.make_opsetid("qonnx.custom_op.general", self.quantisers)]
        model = helper.make_model(graph, opset_imports=sets, ir_version=8)
        path = os.path.join(HERE, self.name)
        with open(f"{path}.onnx", "wb") as file:
            file.write(model.SerializeToString())
        # Multiples of 1/32: some lie halfway between two codes.
        x = (np.clip(self.random.normal(0, spread, (SAMPLES, *self.shape)), -4, 4) * 32).round() / 32
        model = ModelWrapper(f"{path}.onnx").transform(InferShapes())
        onnx.checker.check_model(model.model)
        y = executor.execute_onnx(model, {"x": x.astype(np.float32)})[output]
        rows = {"x": x.reshape(SAMPLES, -1).tolist(), "y": np.asarray(y, float).reshape(SAMPLES, -1).tolist()}
        with open(f"{path}.json", "w") as file:
            file.write(json.dumps(rows, separators=(",", ":")).replace(".0,", ",").replace(".0]", "]") + "\n")


def matrices():
    g = Graph("matrices", 12)
    x = g.quant("x", 0.25, 4, signed=0)
    x = g.norm(g.add("MatMul", x, g.weights(12, 10)), 10)
    x = g.quant(g.add("Relu", x), 0.5, 2, signed=0)
    scales = g.random.choice([0.25, 0.5, 1.0], (8, 1))
    x = g.add("Gemm", x, g.weights(8, 10, scale=scales, bits=3), g.random.integers(-8, 9, 8) / 8, transB=1, alpha=0.5)
    x = g.quant(g.add("Clip", x, -1.25, 1.5), 0.5, 3, zero=1.0)
    x = g.add("Div", g.add("Sub", 0.25, x), 2.0)
    x = g.add("BipolarQuant", g.add("MatMul", x, g.add("Transpose", g.weights(7, 8))), 0.5)
    g.write(g.add("Gemm", x, g.weights(7, 5), g.random.integers(-8, 9, 5) / 8))


def rounding(mode):
    g = Graph(f"rounding-{mode.lower().replace('_', '-')}", 6)
    x = g.add("MatMul", g.quant("x", 0.25, 4), g.weights(6, 8, scale=0.25))
    g.write(g.quant(g.add("Neg", x), 0.25, 3, mode=mode))


def residual():
    g = Graph("residual", 2, 6, 6)
    x = g.quant("x", 0.5, 4)
    x = g.norm(g.add("Conv", x, g.weights(4, 2, 3, 3), pads=[1, 1, 1, 1]), 4)
    x = g.add("MaxPool", g.quant(x, 0.5, 3), kernel_shape=[2, 2], strides=[1, 1])
    y = g.norm(g.add("Conv", x, g.weights(4, 4, 3, 3, narrow=0), g.random.integers(-4, 5, 4) / 8, pads=[1, 1, 1, 1]), 4)
    x = g.quant(g.add("Relu", g.add("Add", g.quant(y, 0.5, 3), x)), 0.5, 4, signed=0)
    x = g.add("Conv", g.add("AveragePool", x, kernel_shape=[2, 2]), g.weights(4, 1, 1, 2), group=4)
    g.write(g.add("Gemm", g.add("Flatten", x), g.weights(48, 5)))


def bipolar():
    g = Graph("bipolar", 1, 5, 5)
    x = g.add("BipolarQuant", g.add("Conv", g.quant("x", 1.0, 3), g.weights(3, 1, 3, 3)), 0.5)
    x = g.add("BipolarQuant", g.add("Conv", x, g.add("BipolarQuant", g.random.normal(0, 1, (4, 3, 3, 3)), 0.25), pads=[1, 1, 1, 1]), 1.0)
    x = g.add("Transpose", x, perm=[0, 2, 3, 1])
    x = g.add("Reshape", x, g.constant([SAMPLES, -1], np.int64))
    g.write(g.add("MatMul", x, g.weights(36, 4)))


def staircases():
    g = Graph("staircases", 10)
    x = g.add("MatMul", g.quant("x", 0.25, 4), g.weights(10, 8))
    x = g.add("MultiThreshold", x, np.sort(g.random.integers(-16, 17, (8, 5)) / 8, axis=1), out_scale=0.5, out_bias=-1.0, out_dtype="INT4")
    x = g.add("Sign", g.add("MatMul", x, g.weights(8, 9)))
    x = g.quant(g.add("MatMul", x, g.weights(9, 6)), 0.25, 5)
    g.write(g.add("Trunc", x, 0.25, 0.0, 5.0, 3.0, rounding_mode="FLOOR"))


def linear():
    g = Graph("linear", 3, 4, 4)
    def pair(x, scale, zero, kind, **axis):
        scale, zero = g.constant(scale), g.constant(zero, kind)
        return g.add("DequantizeLinear", g.add("QuantizeLinear", x, scale, zero, **axis), scale, zero, **axis)
    x = pair("x", 0.0625, 3, np.int8)
    w = g.add("DequantizeLinear", g.constant(g.random.integers(-9, 10, (4, 3, 2, 2)), np.int8), g.constant(g.random.choice([0.25, 0.5], 4)),
              g.constant([0] * 4, np.int8), axis=0)
    x = pair(g.add("Relu", g.add("Conv", x, w)), 0.25, 0, np.uint8)
    x = g.add("Squeeze", g.add("GlobalAveragePool", x), g.constant([2, 3], np.int64))
    g.write(pair(g.add("MatMul", x, g.weights(4, 6, bits=4, scale=0.125)), 0.5, -5, np.int8))


def shapes():
    g = Graph("shapes", 2, 3, 4)
    x = g.quant("x", 0.5, 3)
    batch = g.add("Unsqueeze", g.add("Gather", g.add("Shape", x), g.constant(0, np.int64)), g.constant([0], np.int64))
    x = g.add("Reshape", x, g.add("Concat", batch, g.constant([-1], np.int64), axis=0))
    g.write(g.add("Softmax", g.add("MatMul", x, g.weights(24, 5, scale=0.25))))


def windows():
    g = Graph("windows", 2, 7, 8)
    def pad(x, *ends):
        return g.add("Pad", x, g.constant([0, 0, *ends[:2], 0, 0, *ends[2:]], np.int64))
    x = g.add("Conv", pad(g.quant("x", 0.25, 3), 1, 0, 2, 1), g.weights(4, 2, 3, 2), pads=[0, 1, 1, 0], strides=[2, 1])
    x = pad(g.quant(g.add("Relu", x), 0.5, 2, signed=0), 0, 0, 1, 0)
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 0, 1], ceil_mode=1)
    x = g.quant(g.add("Conv", x, g.weights(4, 4, 2, 2), auto_pad="SAME_UPPER", strides=[1, 2]), 0.5, 4)
    x = g.add("AveragePool", x, kernel_shape=[2, 2], pads=[0, 1, 1, 0], count_include_pad=1)
    x = g.add("Conv", x, g.weights(3, 4, 2, 2), dilations=[2, 1])
    g.write(g.add("Gemm", g.add("Flatten", x), g.weights(6, 5)))


def branches():
    """Branches from the input and within, as long as each other or not, that meet in sums and as channels."""
    g = Graph("branches", 2, 6, 6)
    def conv(x, outputs, inputs, size, scale=0.5, bits=3, signed=1, **attributes):
        x = g.add("Conv", x, g.weights(outputs, inputs, size, size), pads=[size // 2] * 4, **attributes)
        return g.quant(x if signed else g.add("Relu", x), scale, bits, signed=signed)
    x = g.quant("x", 0.5, 3)
    both = g.add("Concat", conv(x, 4, 2, 3, bits=2, signed=0), conv(x, 3, 2, 1), x, axis=1)
    down = conv(both, 4, 9, 3, scale=0.25, signed=0, strides=[2, 2])
    # Smaller by another road, and in steps twice as wide.
    pooled = g.add("MaxPool", both, kernel_shape=[2, 2], strides=[2, 2])
    x = g.add("Concat", pooled, down, axis=-3)
    x = g.quant(g.add("Add", conv(x, 4, 13, 1, scale=1.0), conv(down, 4, 4, 1)), 0.5, 4)
    flat = g.add("Flatten", x)
    x = g.quant(g.add("MatMul", flat, g.weights(36, 6)), 0.5, 3)
    # Steps too far apart for integers of one: compared channel by channel instead.
    fine = g.add("Mul", x, 2.0 ** -17)
    x = g.add("Concat", x, fine, x, g.quant(g.add("MatMul", flat, g.weights(36, 3)), 0.5, 3), axis=1)
    g.write(g.add("Gemm", g.quant(x, 2.0 ** -17, 4), g.weights(21, 5)))


def truncated():
    g = Graph("truncated", 8, quantisers=2)
    x = g.quant(g.add("MatMul", g.quant("x", 0.25, 4), g.weights(8, 6)), 0.25, 6)
    x = g.add("Trunc", x, 0.25, 2.0, 6.0, 1.0, 3.0, rounding_mode="CEIL", signed=1, narrow=1)
    g.write(g.add("MatMul", x, g.weights(6, 4)))


def version(opset):
    """Operators whose inputs and attributes have changed since version 11, at the end the index of the largest score."""
    g = Graph(f"opset-{opset}", 2, 5, 5, opset=opset)
    def axes(op, x, since, *axes, **more):
        if opset < since:
            return g.add(op, x, axes=list(axes), **more)
        return g.add(op, x, g.constant(axes, np.int64), **more)
    def linear(x, scale):
        scale, zero = g.constant(scale), g.constant(0, np.uint8)
        return g.add("DequantizeLinear", g.add("QuantizeLinear", x, scale, zero), scale, zero)
    x = g.add("Conv", linear("x", 0.125), g.weights(6, 2, 3, 3, scale=0.25), g.random.integers(-8, 9, 6) / 8)
    x = g.add("BatchNormalization", x, *(np.full(6, v) for v in [1.0, 0.5, -0.25, 4.0]), epsilon=0.0)
    x = g.quant(g.add("Clip", x, -1.0, 1.0), 0.25, 4)
    x = axes("Squeeze", axes("Unsqueeze", x, 13, 1), 13, 1)
    x = g.quant(axes("ReduceMean", x, 18, 2, 3, keepdims=0), 0.125, 4)
    x = g.add("Gemm", x, g.weights(6, 4, scale=0.25), g.random.integers(-8, 9, 4) / 8)
    g.add("TopK", x, g.constant([1], np.int64), axis=-1, largest=1)
    g.nodes[-1].output.append("largest")
    g.write("largest", kind=TensorProto.INT64)


if __name__ == "__main__":
    matrices(), residual(), bipolar(), staircases(), linear(), shapes(), windows(), branches(), truncated()
    for opset in [11, 13, 18, 21, onnx.defs.onnx_opset_version()]:
        version(opset)
    for mode in ["HALF_EVEN", "HALF_UP", "HALF_DOWN", "CEIL", "FLOOR", "UP", "DOWN"]:
        rounding(mode)
