"""Small networks that the tests share."""

import numpy as np
import pytest
import sterna


RNG = np.random.default_rng(7)
HIDDEN, BIAS = RNG.integers(-1, 2, (6, 8)), RNG.integers(-20, 20, 6)
THRESHOLDS = np.sort(RNG.integers(-300, 300, (6, 3)), axis=1)
LAST = RNG.integers(-1, 2, (3, 6))
SAMPLES = RNG.integers(0, 256, (200, 8), dtype=np.uint8)


@pytest.fixture(scope="session")
def network():
    """Two ternary layers on 2x4 pixels, three classes; the first hidden neuron counts downwards."""
    layers = [
        sterna.Layer.dense(HIDDEN, BIAS, name="hidden"),
        sterna.Layer.threshold(THRESHOLDS, [True] + [False] * 5),
        sterna.Layer.dense(LAST, name="sums"),
        sterna.Layer.argmax(),
    ]
    return sterna.Network(layers, shape=(1, 2, 4), range=(0, 255), name="small")


@pytest.fixture(scope="session")
def samples():
    """Pixels for it."""
    return SAMPLES


@pytest.fixture(scope="session")
def expected():
    """What every layer must give on `samples`, in NumPy."""
    sums = SAMPLES.astype(np.int64) @ HIDDEN.T + BIAS
    codes = (sums[:, :, None] >= THRESHOLDS).sum(axis=2)
    codes[:, 0] = (sums[:, 0, None] <= THRESHOLDS[0]).sum(axis=1)
    last = codes @ LAST.T
    return [sums, codes, last, last.argmax(axis=1)[:, None]]
