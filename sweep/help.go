package main

import (
	"strings"

	"fusegrid/nn/train"
	"fusegrid/search/grid"
)

// helpText returns the help text of the sweep itself, with the table of axes and the update rules.
func helpText() string {
	return helpBeforeAxes + grid.Standard().Help("-") + strings.Replace(helpAfterAxes, "RULES", ruleHelp(), 1)
}

// ruleHelp returns "sgd (default), momentum or …".
func ruleHelp() string {
	names := ruleNames()
	names[train.SGD] += " (default)"
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

const helpBeforeAxes = `sweep trains a grid of small nets on CIFAR-10 and finds the best one.

  sweep [flags]             train every combination of the lists below
  sweep fetch [flags]       download CIFAR-10 into the user's cache folder
  sweep verify [flags]      train recorded trials again, compare every bit
  sweep reproduce [flags]   run the course's assignment, compare every number
  sweep impl                show the kernels of this machine and their peak
  sweep version             show what this program was built from
  sweep help [command]      show this text, or the flags of a command

Values to search: a list (1e-4,1e-3), a range of n values with both ends
(0.1..0.9:5), equal ratios (log:1e-4..1e-2:5), whole numbers (1..5), or several
of these (0,log:1e-3..1:4). Ranges follow the formulas of NumPy's linspace and
geomspace. Tables show six digits of a value.
`

const helpAfterAxes = `
How to train:
  -net      two-layer (default): like the assignment's train(); HWC pixel order
            fc: any depth, like the assignment's Solver; CHW pixel order
  -dtype    f32 (default); f64, which gives the assignment's numbers; or bfp16:
            first layers in exact integers, the rest as in f32; or bfp16d8: like
            bfp16, but with 8-bit deltas, which is faster. Both are for sgd,
            momentum and nesterov, and batches of at most 1024
  -impl     kernel set, see "sweep impl" (default: the fastest)
  -rule     RULES
  -division an epoch starts if the iteration, from 0, is a multiple of images /
            batch size. floor (default): this quotient is rounded down, as in
            Python 2; true: it is not rounded, as in Python 3. Not for fc
  -order    separate seed for the minibatches. By default, weights and then
            minibatches come from the stream of -seed, as in the course. With
            -order, nets of all seeds and hidden sizes share their minibatches
            and train together
  -workers  cores to use (default: all)
  -block    maximum number of nets in a block (default: what fits the cache)
  -fuse     off: train each net alone, with the same results (default: on)
  -data     folder with CIFAR-10, or "synthetic" for the built-in set
            (default: FUSEGRID_DATA, else fetched data, else the built-in set)

Stopping early (a survivor is bit-identical to a trial without early stopping):
  -halving  ETA[:MIN], such as 3:100: compare trials after MIN, MIN·ETA,
            MIN·ETA², … iterations; the best 1/ETA by validation accuracy
            continue (default MIN: all iterations / ETA²)
            async:ETA[:MIN]: compare each block with the blocks that came before
            it, without waiting; the outcome depends on timing and blocks
  -stop     median[:MIN]: compare trials every MIN iterations (default: a tenth
            of all). A mean is taken of each trial's accuracies at all
            comparisons so far. A trial is stopped if its best accuracy is below
            the median of the other trials' means

Output:
  -out      folder for the journal, tables and pictures
            (default: out/DATA-NET-DTYPE, such as out/cifar-10-two-layer-f32;
            DATA is custom-HASH for other images than CIFAR-10)
  -keep     number of best nets whose weights are kept, or all (default 0), as
            safetensors in OUT/weights. Stopped trials do not count. If a file
            is missing, its trial is trained again, with the same weights.
  -states   number of best trials whose full state is kept in OUT/states, or all
            (default 0). A later sweep can resume them. A state has 1 to 4 times
            the size of the weights.
  -checkpoint
            seconds between two checkpoints of a block (default 60); 0: only on
            Ctrl-C. The same command resumes from checkpoints
  -fresh    start again in a new folder, OUT-2, OUT-3, …
  -top      number of rows of the table to show, 0: all (default 20)
  -dry-run  print the grid, its blocks and the expected time; train nothing
  -quiet    no progress

Accuracies are measured on the final net. A two-layer net ends with its last
weights, and a net of -net fc with its best weights. A stopped trial ends with
the weights at the comparison that stopped it. The column "step" has the
iteration of these weights, "train" the accuracy on 1,000 training images, and
"val" the accuracy on the validation set. Trials are ranked by val, and only the
best net is tested. Stopped trials come last, those with the most iterations
first. OUT/table.csv and table.jsonl also have the accuracies that the course
prints (epoch_train, epoch_val). With several -lr and -reg, OUT/heatmap.png
shows val.

Speeds are per core. GFLOP/s/core counts only matrix products, but the time
includes random initialization and the measurement of accuracy. Therefore a
short sweep is further below the peak ("sweep impl") than a long sweep.

Every trial is appended to OUT/trials.jsonl when it ends, and is not trained
again. The same command resumes after Ctrl-C or a crash. A larger grid trains
only its new trials. With other -iters or -epochs, trials resume from
checkpoints and states, with bit-identical results. But with -halving or -stop,
these trials start at the first iteration. The first Ctrl-C saves the running
blocks and stops. The second Ctrl-C stops at once.
Exit code: 0 success, 1 a failure or a difference, 2 bad input, 130 Ctrl-C.

  sweep -lr log:1e-4..2e-3:8 -reg 0.25,0.5,0.85 -iters 3000
  sweep -net fc -hidden 100x100,200 -lr 1e-3 -std 1e-2 -epochs 5 -seed 1..3
`

const fetchHelp = `sweep fetch downloads CIFAR-10 (170 MB) into the user's cache folder, where a
sweep finds it, and prints the folder. A second call resumes a broken download.

  -python   the python version; it holds the same images as the binary one
  -url      another address of the same archive; the MD5 is checked as usual
  -quiet    no progress
`

const reproduceHelp = `sweep reproduce runs every seeded experiment of the assignment in float64 and
compares the results with the course's numbers. The exit code is 1 if a result
that must agree differs.

  -out      report file (default out/assignment/report.md, or for bfp16
            out/assignment-bfp16/report.md), pictures next to it. It is not
            replaced by a report with fewer results
  -data     folder with CIFAR-10 (default: FUSEGRID_DATA, else fetched data)
  -impl     kernel set, see "sweep impl" (default: the fastest)
  -dtype    f64 (default), or bfp16 or bfp16d8: only the two-layer nets on
            CIFAR-10, with first layers in integers. No result must agree then
  -quiet    no progress
`

const implHelp = `sweep impl shows the kernel sets of this machine and build: their numeric class,
the tiles of their matrix products, the peak of one core, the CPU features that
they need, and why other sets are missing. It has no flags.

  sweep -impl NAME         trains on one of these sets
  FUSEGRID_IMPL=NAME       chooses the set for every command
`

const versionHelp = `sweep version shows the version or the commit that this program was built from,
its build tags, the Go version and the platform. It has no flags.
`

const verifyHelp = `sweep verify trains recorded trials again, each alone. It compares accuracies,
losses, and hashes of weights and losses with the record. The exit code is 1 if
a result differs or a line of the journal is damaged. The next sweep sets
damaged lines aside. An incomplete last line is not damage: it is normal after a
crash. For trials of OpenBLAS and gonum, accuracies and losses must nearly
agree, and hashes are not compared.

  -n        number of trials to train again, spread over the ranking (default 5)
  -trial    key of one trial, or its first characters
  -all      all trials except those that failed
  -out      folder of the sweep (default: the only output folder in out)
  -data     folder with CIFAR-10, or "synthetic" (default: as for a sweep)
  -impl     kernel set (default: the one on record, or one of the same class)
  -workers  cores that split each product (default 1)
`
