"""Writes parzen.json, densities of Parzen estimators for TestParzen. It needs only Python.

The formulas are those of Optuna's multivariate TPESampler: weights of old points, truncated normal kernels, smoothed
categories, and a prior kernel with the width of the space. The bandwidth is BANDWIDTH·n^(−1/(d+4)).
"""

import json
import math
import random

BANDWIDTH = 0.1
RANGES = [("log", 1e-4, 1e-2), ("float", -5, 10), ("logint", 1, 1000), ("int", -3, 3), ("category", 5)]


def cdf(x):
    return math.erfc(-x / math.sqrt(2)) / 2


def ends(r):
    kind, lo, hi = r
    half = 0.5 if "int" in kind else 0
    lo, hi = lo - half, hi + half
    return (math.log(lo), math.log(hi)) if "log" in kind else (lo, hi)


def coordinate(r, v):
    return math.log(v) if "log" in r[0] else v


def weights(n):
    old = max(n - 25, 0)
    ramp = [1 / n + (1 - 1 / n) * i / (old - 1) if old > 1 else 1 / n for i in range(old)]
    ws = ramp + [1.0] * (n - old) + [1.0]
    return [w / sum(ws) for w in ws]


def factor(r, v, observed, n):
    """The density of one kernel at v, relative to the uniform density. observed is None for the prior."""
    if r[0] == "category":
        if observed is None:
            return 1
        total = 1 + r[1] / (n + 1)
        return ((v == observed) + 1 / (n + 1)) / total * r[1]
    lo, hi = ends(r)
    if observed is None:
        mean, sigma = (lo + hi) / 2, hi - lo
    else:
        mean, sigma = coordinate(r, observed), (hi - lo) * max(BANDWIDTH * n ** (-1 / (len(RANGES) + 4)), 0.01)
    inside = cdf((hi - mean) / sigma) - cdf((lo - mean) / sigma)
    if "int" in r[0]:
        a, b = coordinate(r, v - 0.5), coordinate(r, v + 0.5)
        return (cdf((b - mean) / sigma) - cdf((a - mean) / sigma)) / inside / (b - a) * (hi - lo)
    z = (coordinate(r, v) - mean) / sigma
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / sigma / inside * (hi - lo)


def density(points, x):
    kernels = points + [None]
    return sum(w * math.prod(factor(r, x[j], k and k[j], len(points)) for j, r in enumerate(RANGES))
               for w, k in zip(weights(len(points)), kernels))


def point():
    return [math.exp(random.uniform(*ends(RANGES[0]))), random.uniform(-5, 10), random.randint(1, 1000),
            random.randint(-3, 3), random.randrange(5)]


random.seed(1)
cases = []
for n in (0, 1, 2, 7, 26, 60):
    points = [point() for _ in range(n)]
    for at in [point() for _ in range(3)] + points[:2]:
        cases.append({"points": points, "at": at, "density": density(points, at)})
with open("parzen.json", "w") as f:
    json.dump(cases, f)
