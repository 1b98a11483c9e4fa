#!/usr/bin/env python3
"""Trains an MLP and a residual CNN with Brevitas on MNIST, exports QONNX, and executes both with the `qonnx` package.

Needs torch, brevitas and qonnx. Writes into FOLDER, for each network, NAME.onnx, NAME.x.npy (test images as the model takes
them) and NAME.y.npy (scores of the ONNX execution), and pixels.npy, the first 1,000 images as integers.
"""

import argparse
import gzip
import json
import os
from importlib.metadata import version

import brevitas.nn as qnn
import numpy as np
import torch
from brevitas.export import export_qonnx
from brevitas.quant import SignedBinaryActPerTensorConst, SignedTernaryWeightPerTensorConst, Uint8ActPerTensorFloat
from onnx_execute import BATCH, execute
from torch import nn


def mnist(folder, part):
    """Images in 0..1 and classes."""
    def read(name, header):
        with gzip.open(os.path.join(folder, "mnist", name)) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)
    images = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    return torch.tensor(images / np.float32(255), dtype=torch.float32), torch.tensor(read(f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64))


def pixels():
    """Codes 0..255 for 0..1, so that samples of the network are pixels."""
    return qnn.QuantIdentity(act_quant=Uint8ActPerTensorFloat, bit_width=8, scaling_impl_type="const", scaling_init=1.0)


class Mlp(nn.Sequential):
    """784-64-64-10, ternary weights, 2-bit and then 1-bit activations."""

    def __init__(self):
        def linear(i, o):
            return qnn.QuantLinear(i, o, bias=False, weight_quant=SignedTernaryWeightPerTensorConst, weight_scaling_init=0.05)
        super().__init__(nn.Flatten(), pixels(),
                         linear(784, 64), nn.BatchNorm1d(64), qnn.QuantReLU(bit_width=2),
                         linear(64, 64), nn.BatchNorm1d(64), qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst),
                         qnn.QuantLinear(64, 10, bias=True, weight_bit_width=2))


class Cnn(nn.Module):
    """Two convolutions of 2-bit weights, the second with a residual sum, 4-bit activations; a matrix at the end."""

    def __init__(self):
        super().__init__()
        def conv(i, o):
            return qnn.QuantConv2d(i, o, 3, padding=1, bias=False, weight_bit_width=2, weight_narrow_range=False)
        self.pixels = pixels()
        self.conv1, self.norm1, self.relu = conv(1, 8), nn.BatchNorm2d(8), nn.ReLU()
        self.shared = qnn.QuantIdentity(bit_width=4)
        self.pool = nn.MaxPool2d(2)
        self.conv2, self.norm2 = conv(8, 8), nn.BatchNorm2d(8)
        self.sum = qnn.QuantReLU(bit_width=4)
        self.mean = nn.AvgPool2d(2)
        self.last = qnn.QuantLinear(392, 10, bias=True, weight_bit_width=2)

    def forward(self, x):
        # Both summands leave one quantiser, so that their steps are as wide.
        x = self.pool(self.shared(self.relu(self.norm1(self.conv1(self.pixels(x))))))
        x = self.sum(x + self.shared(self.norm2(self.conv2(x))))
        return self.last(self.mean(x).flatten(1))


def train(model, x, y, epochs):
    """Adam with a falling rate; the same seed gives the same network on the same machine."""
    steps = epochs * (len(x) // 100)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(100):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()
            schedule.step()
    model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--data", default=os.environ.get("STERNA_DATA"), help="folder with mnist/*.gz [STERNA_DATA]")
    parser.add_argument("--samples", type=int, default=60000, help="training images")
    parser.add_argument("--test", type=int, default=10000, help="test images, a multiple of 500")
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    x, y = mnist(args.data, "train")
    x_test, y_test = mnist(args.data, "t10k")
    x_test, y_test = x_test[:args.test], y_test[:args.test]
    # The integers of a network that takes pixels.
    np.save(f"{args.folder}/pixels.npy", (x_test[:1000] * 255).round().numpy().astype(np.float64).reshape(-1, 784))
    accuracies = {}
    for name, model in [("mlp", Mlp()), ("cnn", Cnn())]:
        train(model, x[:args.samples], y[:args.samples], args.epochs)
        path = f"{args.folder}/{name}.onnx"
        export_qonnx(model, x_test[:BATCH], path, dynamo=False)
        scores = execute(path, x_test.numpy())
        accuracies[name] = float((scores.argmax(1) == y_test.numpy()).mean())
        np.save(f"{args.folder}/{name}.x.npy", x_test.numpy().reshape(len(x_test), -1))
        np.save(f"{args.folder}/{name}.y.npy", scores)
    tools = {"torch": version("torch"), "brevitas": version("brevitas"), "onnx": version("onnx"), "qonnx": version("qonnx")}
    print(json.dumps({"accuracy": accuracies, "tools": tools}))


if __name__ == "__main__":
    main()
