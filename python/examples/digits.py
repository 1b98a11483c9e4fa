"""From a data set to a verified circuit, step by step: a ternary network trained in NumPy on the built-in digits.

Cells begin with `# %%`, so that editors show this file as a notebook. As a script it ends with status 0 only when every
step agrees with the one before it. Without Verilator on the PATH the last comparison is left out, and says so.
"""

# %% A data set: rows of 784 pixels, 0 to 255.
import shutil
import sys
import tempfile

import numpy as np
import sterna

digits = sterna.dataset("digits:4000,1000")
x_train, y_train, x_test, y_test = (digits[name] for name in ["x_train", "y_train", "x_test", "y_test"])

# %% Training. Weights are -1, 0 or +1 (TWN, Li and Liu 2016); hidden activations are codes 0 to 3, which count how many
# of three thresholds a neuron's sum reaches. Both are steps, so gradients pass them as if they were straight lines.
SIZES = [784, 32, 32, 10]
EPOCHS, BATCH, RATE = 25, 100, 0.01
EDGES = np.array([-0.5, 0.0, 0.5])  # thresholds of a neuron, in standard deviations of its sum from the mean
rng = np.random.default_rng(1)
STEPS = EPOCHS * len(x_train) // BATCH
latent = [rng.normal(0, 0.1, (outputs, inputs)) for inputs, outputs in zip(SIZES, SIZES[1:])]
momentum = [np.zeros_like(w) for w in latent]
second = [np.zeros_like(w) for w in latent]


def ternary(w):
    """The nearest ternary matrix, threshold 0.7 of the mean magnitude of a row."""
    return np.sign(w) * (np.abs(w) > 0.7 * np.abs(w).mean(axis=1, keepdims=True))


def forward(x):
    """Inputs, standardised sums and scales of each layer; the last layer's sums are the scores, of one scale for all."""
    inputs, sums, scales = [x], [], []
    for layer, w in enumerate(latent):
        s = inputs[-1] @ ternary(w).T
        scales.append(s.std(axis=0) + 1 if layer < len(latent) - 1 else s.std() / 3 + 1)
        sums.append((s - s.mean(axis=0)) / scales[-1])
        inputs.append((sums[-1][:, :, None] >= EDGES).sum(axis=2))
    return inputs, sums, scales


for step in range(STEPS):
    if step % (len(x_train) // BATCH) == 0:
        order = iter(rng.permutation(len(x_train)).reshape(-1, BATCH))
    batch = next(order)
    inputs, sums, scales = forward(x_train[batch].astype(float))
    scores = np.exp(sums[-1] - sums[-1].max(axis=1, keepdims=True))
    gradient = scores / scores.sum(axis=1, keepdims=True)
    gradient[np.arange(BATCH), y_train[batch]] -= 1
    for layer in reversed(range(len(latent))):
        if layer < len(latent) - 1:
            gradient = gradient * (np.abs(sums[layer]) < 1)
        # The mean that was taken from the sums takes the mean from the gradient.
        gradient = (gradient - gradient.mean(axis=0)) / scales[layer]
        update = gradient.T @ inputs[layer] / BATCH
        gradient = gradient @ ternary(latent[layer])
        # Adam (Kingma and Ba 2015), its rate falling to 0.
        momentum[layer] = 0.9 * momentum[layer] + 0.1 * update
        second[layer] = 0.999 * second[layer] + 0.001 * update**2
        unbiased = np.sqrt(second[layer] / (1 - 0.999 ** (step + 1))) + 1e-8
        change = momentum[layer] / (1 - 0.9 ** (step + 1)) / unbiased
        latent[layer] = np.clip(latent[layer] - RATE * (1 - step / STEPS) * change, -1, 1)

# %% The integer network. A code counts the thresholds that an integer sum reaches, so a real threshold becomes the next
# integer; the scores of the classes are brought to one mean, because only the largest counts.
layers, x = [], x_train.astype(np.int64)
for number, w in enumerate(latent):
    weights = ternary(w).astype(np.int64)
    sums = x @ weights.T
    if number < len(latent) - 1:
        thresholds = np.ceil(sums.mean(axis=0)[:, None] + EDGES * (sums.std(axis=0) + 1)[:, None]).astype(np.int64)
        x = (sums[:, :, None] >= thresholds).sum(axis=2)
        layers += [sterna.Layer.dense(weights, name=f"fc{number}"), sterna.Layer.threshold(thresholds)]
    else:
        layers += [sterna.Layer.dense(weights, -np.rint(sums.mean(axis=0)).astype(np.int64), name=f"fc{number}")]
layers.append(sterna.Layer.argmax())
network = sterna.Network(layers, shape=(784,), range=(0, 255), name="digits")

classes = network.evaluate(x_test)[:, 0]
accuracy = (classes == y_test).mean()
print(f"{network}: {accuracy:.2%} of {len(y_test)} test images")
for layer in network.info()["layers"]:
    print(f"  {layer['name']:10} {layer['type']:10} {layer['detail']}")

# %% Two circuits: one takes an image every cycle, one is folded onto 16 adders. Compiling proves them against the weights.
designs = [network.compile(unrolled=True, target="ecp5"), network.compile(pes=16, target="ecp5")]
for design in designs:
    total = design.estimate()["estimates"][0]["total"]
    print(f"{design}: about {total['lut']:.0f} LUT4, {total['ff']:.0f} FF, {total['bram']:.0f} block RAMs on ECP5")

# %% Every test image through both circuits, cycle by cycle, a quarter of all cycles stalled on both streams.
equal = True
for design in designs:
    run = design.simulate(x_test)
    same = np.array_equal(run.outputs[:, 0], classes)
    equal &= same
    print(f"{design.top}: {run.cycles:,} cycles, classes {'equal' if same else 'DIFFER'}")

# %% The Verilog in a build folder, and Verilator's word on it: every stream between layers, in every cycle.
with tempfile.TemporaryDirectory() as folder:
    print(f"{len(designs[1].write(f'{folder}/build'))} files in a build folder")
    design = sterna.open(f"{folder}/build")
    if shutil.which("verilator"):
        report = design.verify(x_test[:200], cache_dir=f"{folder}/cache", vcd=f"{folder}/difference.vcd")
        equal &= report["equal"]
        print(f"{report['verilator']}: {report['values']:,} values {'equal' if report['equal'] else 'DIFFER'}")
    else:
        print("SKIPPED: verilator is not on the PATH")

sys.exit(0 if equal and accuracy > 0.85 else 1)
