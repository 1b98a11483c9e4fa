"""From a model in Brevitas to a verified circuit, step by step: a small convolutional network on the built-in digits.

Cells begin with `# %%`, so that editors show this file as a notebook. As a script it ends with status 0 only when every
step agrees with the one before it. With torch and Brevitas installed it trains the model (a minute); without them it takes
the model that it trained once, from_brevitas.onnx, and the classes that Brevitas gave, from_brevitas.npy. Both are written
anew by `python from_brevitas.py FOLDER`. Without Verilator on the PATH the last comparison is left out, and says so.
"""

# %% A data set: rows of 784 pixels, 0 to 255.
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import sterna

digits = sterna.dataset("digits:4000,1000")
x_train, y_train, x_test, y_test = (digits[name] for name in ["x_train", "y_train", "x_test", "y_test"])


# %% The model: ternary weights, activations of 2 bits and at last of 1, batch norm between them. The first quantiser has
# the steps of a pixel, so that the integers of the network's samples are pixels.
def train(path):
    """Trains with Brevitas, exports QONNX, and gives the classes that Brevitas itself sees in the test images."""
    import brevitas.nn as qnn
    import torch
    from brevitas.export import export_qonnx
    from brevitas.quant import SignedBinaryActPerTensorConst, SignedTernaryWeightPerTensorConst, Uint8ActPerTensorFloat
    from torch import nn

    torch.manual_seed(1)
    torch.set_num_threads(1)
    ternary = {"bias": False, "weight_quant": SignedTernaryWeightPerTensorConst, "weight_scaling_init": 0.1}
    model = nn.Sequential(
        qnn.QuantIdentity(act_quant=Uint8ActPerTensorFloat, scaling_impl_type="const", scaling_init=1.0),
        qnn.QuantConv2d(1, 8, 3, stride=2, padding=1, **ternary), nn.BatchNorm2d(8), qnn.QuantReLU(bit_width=2),
        nn.MaxPool2d(2),
        qnn.QuantConv2d(8, 12, 3, padding=1, **ternary), nn.BatchNorm2d(12), qnn.QuantReLU(bit_width=2),
        nn.MaxPool2d(2), nn.Flatten(),
        qnn.QuantLinear(108, 32, **ternary), nn.BatchNorm1d(32), qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst),
        qnn.QuantLinear(32, 10, bias=True, weight_bit_width=2),
    )

    def images(rows):
        return torch.tensor(rows.reshape(-1, 1, 28, 28) / np.float32(255), dtype=torch.float32)

    x, y = images(x_train), torch.tensor(y_train.astype(np.int64))
    epochs = 12
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * len(x) // 50)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        classes = model(images(x_test)).argmax(1).numpy().astype(np.uint8)
    export_qonnx(model, images(x_test[:1]), str(path), dynamo=False)
    return classes


here = Path(__file__).parent
if importlib.util.find_spec("brevitas"):
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="from_brevitas_"))
    path = folder / "from_brevitas.onnx"
    theirs = train(path)
    np.save(folder / "from_brevitas.npy", theirs)
else:
    path = here / "from_brevitas.onnx"
    theirs = np.load(here / "from_brevitas.npy")
    print("Brevitas is not installed: the model that it made once")

# %% The same network in integers: scales and batch norm have become thresholds, exactly.
network = sterna.import_onnx(path)
print(network)
for note in network.notes:
    print(f"  {note}")
for layer in network.info()["layers"]:
    print(f"  {layer['type']:10} {layer['detail']}")
classes = network.evaluate(x_test)[:, 0]
differ = int((classes != theirs).sum())
print(f"{(classes == y_test).mean():.2%} of {len(y_test)} test images; {differ} in another class than Brevitas says")

# %% A circuit that takes a pixel every cycle. Compiling proves it against the weights.
design = network.compile(unrolled=True, target="ecp5")
total = design.estimate()["estimates"][0]["total"]
print(f"{design}: about {total['lut']:.0f} LUT4, {total['ff']:.0f} FF, {total['bram']:.0f} block RAMs on ECP5")

# %% Every test image through it, cycle by cycle, a quarter of all cycles stalled on both streams.
run = design.simulate(x_test)
equal = np.array_equal(run.outputs[:, 0], classes)
print(f"{run.cycles:,} cycles simulated, classes {'equal' if equal else 'DIFFER'}")

# %% The Verilog in a build folder, with a test for cocotb beside it, and Verilator's word on it.
with tempfile.TemporaryDirectory() as folder:
    print(f"{len(design.write(f'{folder}/build', cocotb=True))} files in a build folder")
    if shutil.which("verilator"):
        report = sterna.open(f"{folder}/build").verify(x_test[:20], cache_dir=f"{folder}/cache")
        equal &= report["equal"]
        print(f"{report['verilator']}: {report['values']:,} values {'equal' if report['equal'] else 'DIFFER'}")
    else:
        print("SKIPPED: verilator is not on the PATH")

sys.exit(0 if equal and differ == 0 and (classes == y_test).mean() > 0.85 else 1)
