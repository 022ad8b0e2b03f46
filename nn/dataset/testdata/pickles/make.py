#!/usr/bin/env python3
"""Writes the pickles of this folder, each a batch of two images, with Python 3 and NumPy.

The tests read the files as they are; nothing runs this script but a person:

    python3 make.py

NumPy 2 has renamed numpy.core to numpy._core. Under NumPy 1 the files with numpy2 in their
names are written with the new name put in place of the old one.
"""

import gzip
import io
import pathlib
import pickle
import sys
import types

import numpy as np

folder = pathlib.Path(__file__).parent
pixels = (np.arange(2 * 3072) * 7 % 256).astype(np.uint8).reshape(2, 3072)
labels = [3, 9]
names = [b"one\\two.png", b"\xff\n.png"]


class Renamed(pickle._Pickler):
    """A pickler that writes NumPy's globals as NumPy 2 does."""

    def save_global(self, obj, name=None):
        which = pickle.whichmodule
        pickle.whichmodule = lambda o, n: which(o, n).replace("numpy.core", "numpy._core")
        try:
            super().save_global(obj, name)
        finally:
            pickle.whichmodule = which

    dispatch = pickle._Pickler.dispatch | {types.FunctionType: save_global}


try:
    import numpy._core  # noqa: F401
except ImportError:
    sys.modules["numpy._core"] = np.core
    sys.modules["numpy._core.multiarray"] = np.core.multiarray
    sys.modules["numpy._core.numeric"] = np.core.numeric


def write(name, batch, protocol, pickler=pickle._Pickler):
    buffer = io.BytesIO()
    pickler(buffer, protocol).dump(batch)
    assert pickle.loads(buffer.getvalue()).keys() == batch.keys()
    with open(folder / f"{name}.gz", "wb") as f:
        f.write(gzip.compress(buffer.getvalue(), mtime=0))


def readonly(a):
    a = a.copy()
    a.flags.writeable = False
    return a


for p in range(6):
    # As pickle.load(f, encoding="bytes") and pickle.dump leave an official file.
    write(f"bytes-list-{p}", {b"batch_label": b"again", b"labels": labels, b"data": pixels, b"filenames": names}, p, pickle.Pickler)
    # As noisy-label copies are made.
    write(f"str-array-fortran-{p}", {"data": np.asfortranarray(pixels), "labels": np.array(labels), "noise": 0.25, "clean": False,
                                     "big": 1 << 40, "none": None, "names": ("a", "ü€😀")}, p, pickle.Pickler)
    write(f"str-scalars-{p}", {"labels": list(np.array(labels, np.int32)), "data": pixels}, p, pickle.Pickler)
    write(f"numpy2-{p}", {"labels": np.array(labels, np.uint8), "data": readonly(pixels)}, p, Renamed)
write("big-endian-4", {"labels": np.array(labels, ">i2"), "data": pixels}, 4)
write("column-4", {"labels": np.array(labels).reshape(2, 1), "data": pixels}, 4)
write("meta-0", {b"num_cases_per_batch": 10000, b"label_names": [b"a", b"b"], b"num_vis": 3072}, 0)
write("meta-5", {"num_cases_per_batch": 10000, "label_names": ["a", "b"], "num_vis": 3072}, 5)
# What is refused: numbers of another type, an array of objects, and a function.
write("float-3", {"labels": labels, "data": pixels.astype(np.float32)}, 3)
write("float-labels-4", {"labels": np.array(labels, float), "data": pixels}, 4)
write("objects-4", {"labels": labels, "data": np.array([[None]])}, 4)
write("images-4", {"labels": labels, "data": pixels.reshape(2, 3, 32, 32)}, 4)
write("function-4", {"labels": labels, "data": pixels, "evil": print}, 4)
