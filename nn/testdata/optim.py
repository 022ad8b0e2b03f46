"""Writes optim.json: each update rule on one array for a few steps, in NumPy.

The rules are written from their definitions (CS231n, ECE 239AS), not from the Go code.
Run: python3 optim.py > optim.json
"""

import json

import numpy as np

STEPS = 5
ETA, MU, RHO, B1, B2, EPS = 0.05, 0.8, 0.95, 0.85, 0.97, 1e-6

rng = np.random.RandomState(7)
start = rng.randn(6)
grads = rng.randn(STEPS, 6) * np.array([1, 1e-3, 1e3, 1, 0, 1])


def sgd():
    w = start.copy()
    for g in grads:
        w = w - ETA * g
        yield w


def sgd_momentum():
    w, v = start.copy(), np.zeros(6)
    for g in grads:
        v = MU * v - ETA * g
        w = w + v
        yield w


def sgd_nesterov_momentum():
    w, v = start.copy(), np.zeros(6)
    for g in grads:
        old = v
        v = MU * v - ETA * g
        w = w + v + MU * (v - old)
        yield w


def rmsprop():
    w, a = start.copy(), np.zeros(6)
    for g in grads:
        a = RHO * a + (1 - RHO) * g * g
        w = w - ETA * g / (np.sqrt(a) + EPS)
        yield w


def adam():
    w, m, v = start.copy(), np.zeros(6), np.zeros(6)
    for t, g in enumerate(grads, 1):
        m = B1 * m + (1 - B1) * g
        v = B2 * v + (1 - B2) * g * g
        w = w - ETA * (m / (1 - B1**t)) / (np.sqrt(v / (1 - B2**t)) + EPS)
        yield w


rules = [sgd, sgd_momentum, sgd_nesterov_momentum, rmsprop, adam]
print(json.dumps({
    "learning_rate": ETA, "momentum": MU, "decay_rate": RHO, "beta1": B1, "beta2": B2, "epsilon": EPS,
    "start": start.tolist(), "grads": grads.tolist(),
    "weights": {r.__name__: [w.tolist() for w in r()] for r in rules},
}, indent=1))
