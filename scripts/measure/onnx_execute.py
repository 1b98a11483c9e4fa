#!/usr/bin/env python3
"""Executes a model with the public `qonnx` package: MODEL.onnx, SAMPLES.npy (a flattened sample a row), OUTCOMES.npy."""

import sys

import numpy as np
import qonnx.core.onnx_exec as executor
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

# Samples that the models here take at once.
BATCH = 500


def execute(path, x):
    """Outcomes of the model, flattened, a row for each sample."""
    model = ModelWrapper(path).transform(InferShapes())
    name, = [i.name for i in model.graph.input if model.get_initializer(i.name) is None]
    shape, output = model.get_tensor_shape(name), model.graph.output[0].name
    parts = [part.reshape(shape).astype(np.float32) for part in np.split(x, len(x) // shape[0])]
    return np.concatenate([executor.execute_onnx(model, {name: part})[output].reshape(shape[0], -1) for part in parts])


if __name__ == "__main__":
    np.save(sys.argv[3], execute(sys.argv[1], np.load(sys.argv[2])).astype(np.float64))
