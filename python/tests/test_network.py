"""Networks: layers, evaluation, files, errors."""

from pathlib import Path

import numpy as np
import pytest
import sterna
from sterna import Layer, Network, SternaError


def test_every_layer_computes_what_numpy_does(network, samples, expected):
    trace = network.trace(samples)
    assert [layer.shape for layer in trace] == [(200, 6), (200, 6), (200, 3), (200, 1)]
    for layer, want in zip(trace, expected):
        assert np.array_equal(layer, want)
    assert np.array_equal(network.evaluate(samples), expected[-1])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "int32", "int64"])
def test_integers_of_any_width_and_layout_are_read(network, samples, expected, dtype):
    rows = samples.astype(dtype)
    strided = np.repeat(rows, 2, axis=1)[:, ::2]
    for given in [rows, np.asfortranarray(rows), strided, rows.reshape(-1, 1, 2, 4), rows.tolist()]:
        assert np.array_equal(network.evaluate(given), expected[-1])


def test_booleans_are_bits():
    network = Network([Layer.dense([[1, -1, 1]])], shape=(3,), range=(0, 1))
    bits = np.array([[True, False, True], [False, True, False]])
    assert network.evaluate(bits).tolist() == [[2], [-1]]
    assert network.compile().simulate(bits).outputs.tolist() == [[2], [-1]]


def test_a_convolution_is_what_numpy_computes():
    rng = np.random.default_rng(3)
    weights, bias = rng.integers(-1, 2, (4, 2, 3, 3)), rng.integers(-5, 5, 4)
    shape = (2, 6, 8)
    layers = [
        Layer.conv2d(weights, bias, input=shape, padding=(1, 1)),
        Layer.max_pool(input=(4, 6, 8), kernel=(2, 2)),
        Layer.sum_pool(input=(4, 3, 4), kernel=(3, 2), stride=(1, 1)),
    ]
    images = rng.integers(-8, 8, (5, *shape))
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    conv = np.einsum("nchwij,ocij->nohw", windows, weights) + bias[:, None, None]
    pooled = conv.reshape(5, 4, 3, 2, 4, 2).max(axis=(3, 5))
    sums = np.lib.stride_tricks.sliding_window_view(pooled, (3, 2), axis=(2, 3)).sum(axis=(4, 5))
    network = Network(layers, shape=shape, range=(-8, 7))
    for got, want in zip(network.trace(images), [conv, pooled, sums]):
        assert np.array_equal(got, want.reshape(5, -1))
    assert np.array_equal(network.compile().simulate(images).outputs, sums.reshape(5, -1))


def test_residual_sums_thermometers_and_groups():
    layers = [
        Layer.threshold([[64, 128, 192]] * 4, thermometer=True),
        Layer.dense(np.eye(12, dtype=int)),
        Layer.add(0),
        Layer.conv2d(np.ones((4, 3, 1, 1), dtype=int), input=(12, 1, 1), groups=4),
    ]
    network = Network(layers, shape=(4,), range=(0, 255))
    pixels = np.array([[0, 64, 191, 255]])
    assert network.evaluate(pixels).tolist() == [[0, 2, 4, 6]]


def test_a_matrix_multiplies_from_the_right():
    weights = np.array([[1, -2], [0, 3], [5, 0]])
    network = Network.matrix(weights, range=(-128, 127))
    x = np.array([[1, 2, 3], [-128, 127, 0]])
    assert np.array_equal(network.evaluate(x), x @ weights)
    assert (network.name, network.shape, network.range) == ("matrix", (3,), (-128, 127))
    mixed = Network.matrix(weights, range=[(0, 1), (-5, 3), (2, 9)])
    assert mixed.range == (-5, 9) and mixed.evaluate([[1, -5, 2]]).tolist() == [[11, -17]]
    with pytest.raises(SternaError, match="element 0 is 2, outside 0..=1"):
        mixed.evaluate([[2, 0, 2]])


def test_files_come_back_as_they_were(network, tmp_path):
    path = tmp_path / "small.sterna"
    network.save(path)
    again = sterna.load(path)
    assert again.to_text() == network.to_text() == path.read_text()
    assert Network.from_text(network.to_text()).to_text() == network.to_text()
    assert (again.name, again.classes) == ("small", ["0", "1", "2"])
    info = again.info()
    assert [layer["type"] for layer in info["layers"]] == ["dense", "threshold", "dense", "argmax"]


@pytest.mark.parametrize(
    "samples, message",
    [
        (np.zeros((2, 7), np.uint8), r"samples of shape \(2, 7\): want \(n, 8\) or \(n, 1, 2, 4\)"),
        (np.zeros(8, np.uint8), r"samples of shape \(8,\): want"),
        (np.zeros((2, 8)), "samples: values of type float64; want integers"),
        (np.zeros((2, 8), np.uint64), "samples: values of type uint64; want integers"),
        (np.full((2, 8), 256), r"element 0 is 256, outside 0..=255"),
    ],
)
def test_samples_that_do_not_fit_are_refused(network, samples, message):
    with pytest.raises(SternaError, match=message):
        network.evaluate(samples)
    with pytest.raises(SternaError, match=message):
        network.compile().simulate(samples)


def test_no_samples_give_no_results(network):
    assert network.evaluate(np.zeros((0, 8), np.uint8)).shape == (0, 1)


def test_errors_are_those_of_the_command(tmp_path):
    missing = tmp_path / "none.sterna"
    with pytest.raises(SternaError, match=f"^cannot read {missing}: No such file"):
        sterna.load(missing)
    with pytest.raises(SternaError, match=f"^cannot read {missing}: No such file"):
        sterna.import_onnx(missing)
    with pytest.raises(SternaError, match="is a folder; give a network file"):
        sterna.load(tmp_path)
    (tmp_path / "text").write_text("{}")
    with pytest.raises(SternaError, match="text: "):
        sterna.load(tmp_path / "text")
    with pytest.raises(SternaError, match="exists and is no network file"):
        (tmp_path / "notes").write_text("mine")
        Network.matrix([[1]], range=(0, 1)).save(tmp_path / "notes")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Layer.dense([1, 2]), r"weights of shape \(2,\): want \(outputs, inputs\)"),
        (lambda: Layer.dense([[70000]]), "weights, value 0 is 70000; want -32768 to 32767"),
        (lambda: Network.matrix([[1, 70000]], range=(0, 1)), "weights, value 1 is 70000; want -32768 to 32767"),
        (lambda: sterna.import_onnx("a.onnx", ternarise="twn"), "give ternarise and calibrate together"),
        (lambda: sterna.import_onnx("a.onnx", ternarise="bwn", calibrate=[[1]]), '"bwn"; want twn or tga'),
        (lambda: Layer.dense([[0.5]]), "weights: values of type float64"),
        (lambda: Layer.conv2d(np.ones((1, 2, 3, 3), int), input=(3, 8, 8)), "the input has 3"),
        (lambda: Network([Layer.dense([[1, 1]])], shape=(3,), range=(0, 1)), "layer 0"),
        (lambda: Network([Layer.dense([[1, 1]])], shape=(2,), range=(1, 0)), "input.range"),
        (lambda: Network([], shape=(2,), range=(0, 1)), "no layers"),
    ],
)
def test_layers_that_do_not_fit_are_refused(make, message):
    with pytest.raises(SternaError, match=message):
        make()


def test_the_built_in_digits_are_arrays():
    digits = sterna.dataset("digits:30,10")
    assert {name: array.shape for name, array in digits.items()} == {
        "x_train": (30, 784),
        "y_train": (30,),
        "x_test": (10, 784),
        "y_test": (10,),
    }
    assert all(array.dtype == np.uint8 for array in digits.values())
    with pytest.raises(SternaError, match="nonsense"):
        sterna.dataset("nonsense")


def test_batch_norm_is_measured_on_samples():
    path = Path(__file__).parents[1] / "examples" / "from_brevitas.onnx"
    pixels = sterna.dataset("digits:100,10")["x_train"]
    plain, measured = sterna.import_onnx(path), sterna.import_onnx(path, ternarise="twn", calibrate=pixels)
    assert any("made ternary" in note for note in measured.notes)
    # Its weights and codes are quantised already; means and variances are those of few samples now.
    details = [[layer["detail"] for layer in network.info()["layers"]] for network in (plain, measured)]
    assert details[0][:9] == details[1][:9]
    assert plain.to_text() != measured.to_text()
    assert (plain.evaluate(pixels) == measured.evaluate(pixels)).mean() > 0.6
