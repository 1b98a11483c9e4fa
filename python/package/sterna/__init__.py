"""Sparse ternary networks for FPGAs: from integers to verified circuits, on NumPy arrays."""

from ._sterna import Design, Layer, Network, Simulation, SternaError, __version__, dataset, import_onnx, load, open

__all__ = ["Design", "Layer", "Network", "Simulation", "SternaError", "__version__", "dataset", "import_onnx", "load", "open"]
