"""Measures Optuna's TPESampler on the cases of search/bench.

    python3 search/bench/optuna_tpe.py [-seeds 50] [-cases sphere-5,...] [-out FILE]

Each study proposes one point at a time. The best value of 64 trials is written as a line of CSV: case,
sampler, seed, value. Values are smaller if better, except for the accuracies of case cifar. The samplers are
TPESampler with multivariate=True (optuna-multivariate) and with the defaults (optuna). The formulas and domains
are those of search/bench/functions.go. The file results/raw/samplers-cifar.csv has the accuracies of case cifar.
"""

import argparse
import csv
import math
import sys
import warnings

import optuna

TRIALS = 64

ALPHA = [1.0, 1.2, 3.0, 3.2]
A3 = [[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]
P3 = [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
A6 = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P6 = [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
      [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]


def sphere(x):
    return sum(v * v for v in x)


def rosenbrock(x):
    return sum(100 * (b - a * a) ** 2 + (a - 1) ** 2 for a, b in zip(x, x[1:]))


def branin(x):
    curve = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


def hartmann(a, p):
    def f(x):
        return -sum(c * math.exp(-sum(w * (v - q * 1e-4) ** 2 for v, w, q in zip(x, ws, qs)))
                    for c, ws, qs in zip(ALPHA, a, p))
    return f


def ackley(x):
    d = len(x)
    return (-20 * math.exp(-0.2 * math.sqrt(sum(v * v for v in x) / d))
            - math.exp(sum(math.cos(2 * math.pi * v) for v in x) / d) + 20 + math.e)


def levy(x):
    w = [1 + (v - 1) / 4 for v in x]
    return (math.sin(math.pi * w[0]) ** 2
            + sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
            + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2))


FUNCTIONS = {
    "sphere-5": (sphere, [(-5.12, 5.12)] * 5),
    "rosenbrock-4": (rosenbrock, [(-5, 10)] * 4),
    "branin": (branin, [(-5, 10), (0, 15)]),
    "hartmann-3": (hartmann(A3, P3), [(0, 1)] * 3),
    "hartmann-6": (hartmann(A6, P6), [(0, 1)] * 6),
    "ackley-5": (ackley, [(-32.768, 32.768)] * 5),
    "levy-4": (levy, [(-10, 10)] * 4),
}


def function_case(name):
    f, domain = FUNCTIONS[name]
    return "minimize", lambda trial: f([trial.suggest_float(f"x{i}", lo, hi) for i, (lo, hi) in enumerate(domain)])


def cifar_case(file):
    """Accuracies by the places of lr, reg, hidden and decay in their lists. Diverged trials have the accuracy 0."""
    axes = ["lr", "reg", "hidden", "decay"]
    with open(file) as f:
        rows = list(csv.DictReader(line for line in f if not line.startswith("#")))
    values = {a: sorted({float(r[a]) for r in rows}) for a in axes}
    table = {tuple(values[a].index(float(r[a])) for a in axes): float(r["val"] or 0) for r in rows}
    return "maximize", lambda trial: table[tuple(trial.suggest_int(a, 0, len(values[a]) - 1) for a in axes)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-seeds", type=int, default=50)
    parser.add_argument("-cases", default=",".join([*FUNCTIONS, "cifar"]))
    parser.add_argument("-table", default="results/raw/samplers-cifar.csv")
    parser.add_argument("-out", default="results/raw/samplers-optuna.csv")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with open(args.out, "w") as out:
        out.write(f"# optuna {optuna.__version__}, python {sys.version.split()[0]}: {TRIALS} trials, one at a time\n")
        out.write("case,sampler,seed,value\n")
        for case in args.cases.split(","):
            direction, objective = cifar_case(args.table) if case == "cifar" else function_case(case)
            for name, multivariate in (("optuna-multivariate", True), ("optuna", False)):
                for seed in range(args.seeds):
                    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=multivariate)
                    study = optuna.create_study(direction=direction, sampler=sampler)
                    study.optimize(objective, n_trials=TRIALS)
                    out.write(f"{case},{name},{seed},{study.best_value!r}\n")
                    out.flush()


main()
