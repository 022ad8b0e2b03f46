# Writes points.json: what NumPy's linspace and geomspace return. Kernels for AVX-512 are left out, since some
# versions of NumPy have less exact powers with these (0.09999999999999999 for 0.1).
#
#   NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL" python3 points.py > points.json
import json
import numpy as np

LOG = [("1e-4", "1e-3", 5), ("1e-4", "2e-3", 8), ("1e-3", "1", 4), ("3e-4", "2e-3", 6), ("1e-5", "1e-2", 7),
       ("1e-6", "1e1", 23), ("0.25", "0.9", 7), ("7e-5", "1.3e-2", 19), ("1e-300", "1e300", 9), ("1", "16", 5),
       ("1", "256", 9), ("5e-4", "5e-3", 3), ("1e-4", "1e-2", 50)]
LINEAR = [("0.1", "0.7", 4), ("0", "1", 11), ("0.25", "0.89", 6), ("1e-4", "1e-3", 7), ("3", "1000", 13), ("0.9", "0.95", 8)]
rows = [{"range": f"{p}{a}..{b}:{n}", "points": [float(x) for x in f(float(a), float(b), n)]}
        for p, f, rows in (("log:", np.geomspace, LOG), ("", np.linspace, LINEAR)) for a, b, n in rows]
print("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]")
