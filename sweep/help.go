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

const helpBeforeAxes = `sweep trains a grid of small nets on CIFAR-10 and says which is best.

  sweep [flags]             train every combination of the lists below
  sweep fetch [flags]       download CIFAR-10 into the user's cache folder
  sweep verify [flags]      train recorded trials again, compare every bit
  sweep reproduce [flags]   run the course's assignment, compare every figure
  sweep impl                show the kernels of this machine and their peak
  sweep version             show what this program was built from
  sweep help [command]      show this text, or the flags of a command

Values to search: a list (1e-4,1e-3), a range of n values with both ends
(0.1..0.9:5), equal ratios (log:1e-4..1e-2:5), whole numbers (1..5), or several
of these (0,log:1e-3..1:4). Ranges have the points of NumPy's linspace and
geomspace to all digits; tables show six.
`

const helpAfterAxes = `
How to train:
  -net      two-layer: the assignment's train (default); pixels in HWC order
            fc: any depth, the assignment's Solver; pixels in CHW order
  -dtype    f32 (default), or f64, which gives the assignment's digits
  -impl     kernel set, see "sweep impl" (default: the fastest)
  -rule     RULES
  -division how to divide images by batch for the iterations of an epoch: floor
            (default), as in Python 2, or true, as in Python 3. An epoch ends if
            the iteration is a multiple of the quotient. Not for fc
  -order    separate seed for the minibatches. By default, weights and then
            minibatches come from the stream of -seed, as in the course. With
            -order, nets of all seeds and hidden sizes share their minibatches
            and train together
  -workers  cores to use (default: all)
  -block    maximum number of nets in a block (default: what fits the cache)
  -fuse     off: train each net alone, to the same figures (default: on)
  -data     folder with CIFAR-10, or "synthetic" for the built-in set
            (default: FUSEGRID_DATA, else what fetch got, else the built-in set)

Stopping early (a survivor has the same bits as without early stopping):
  -halving  ETA[:MIN], such as 3:100: compare trials after MIN, MIN·ETA,
            MIN·ETA², … iterations; the best 1/ETA by validation accuracy
            continue (default MIN: the length / ETA²)
            async:ETA[:MIN]: compare each block with those that came before it,
            without waiting; the outcome depends on timing and blocks
  -stop     median[:MIN]: every MIN iterations (default: a tenth), stop each
            trial whose best accuracy is below the median of the others' running
            averages

Output:
  -out      folder for the journal, tables and pictures
            (default: out/DATA-NET-DTYPE, such as out/cifar-10-two-layer-f32;
            DATA is custom-HASH unless the images are those of CIFAR-10)
  -keep     number of best nets whose weights are kept, or all (default 0), as
            safetensors in OUT/weights. Only trials that end are kept. If a file
            is missing, its trial is trained again, to the same bits
  -states   number of best trials whose full state is kept in OUT/states, or all
            (default 0). A later sweep can resume them. A state has 1 to 4 times
            the size of the weights
  -checkpoint
            seconds between two checkpoints of a block (default 60); 0: only on
            Ctrl-C. The same command resumes from them
  -fresh    start again in a new folder, OUT-2, OUT-3, …
  -top      number of rows of the table to show, 0: all (default 20)
  -dry-run  print the grid, its blocks and the time it may take; train nothing
  -quiet    no progress

Accuracies are those of the net that you get: with the last weights, or the best
ones with -net fc, or those at the last rung of a stopped trial. The column step
names the iteration.
train is measured on 1,000 training images, val on the validation set. Trials
rank by val, those that trained to the end first. Only the best net is tested.
OUT/table.csv and table.jsonl also have the history that the course prints
(epoch_train, epoch_val). With several -lr and -reg, OUT/heatmap.png shows val.

Speeds are those of one core. GFLOP/s/core counts matrix products, over all the
time that training took, with drawing weights and measuring accuracy. So a
short sweep stays further below the peak ("sweep impl") than a long one.

Every trial is appended to OUT/trials.jsonl when it ends, and is not trained
again. The same command resumes after Ctrl-C or a crash. A larger grid trains
only its new trials. With other -iters or -epochs, trials resume from
checkpoints and states, to the same bits. With -halving or -stop they start
again.
The first Ctrl-C stops with everything on record, the second one at once.
Exit code: 0 success, 1 a trial or a figure failed, 2 bad input, 130 Ctrl-C.

  sweep -lr log:1e-4..2e-3:8 -reg 0.25,0.5,0.85 -iters 3000
  sweep -net fc -hidden 100x100,200 -lr 1e-3 -std 1e-2 -epochs 5 -seed 1..3
`

const fetchHelp = `sweep fetch downloads CIFAR-10 (170 MB) into the user's cache folder, where a
sweep finds it, and prints the folder. A broken download is resumed.

  -python   the python version; it holds the same images as the binary one
  -url      another server with the same archive; its MD5 is checked there too
  -quiet    no progress
`

const reproduceHelp = `sweep reproduce runs every seeded experiment of the assignment in float64 and
compares each printed figure. Exit code 1 if one that must agree does not.

  -out      report; its folder gets pictures (default out/assignment/report.md).
            A report is not replaced by one with fewer figures
  -data     folder with CIFAR-10 (default: FUSEGRID_DATA, else what fetch got)
  -impl     kernel set, see "sweep impl" (default: the fastest)
  -quiet    no progress
`

const implHelp = `sweep impl shows the kernel sets of this machine and build: their numeric class,
the tiles of their matrix products, the peak of one core, the CPU features that
they need, and why others are missing. It has no flags.

  sweep -impl NAME         trains on one of these sets
  FUSEGRID_IMPL=NAME       chooses it for every command
`

const versionHelp = `sweep version shows the version or the commit that this program was built from,
its build tags, the Go version and the platform. It has no flags.
`

const verifyHelp = `sweep verify trains recorded trials again, each alone, and compares the hashes
of weights and losses, and the accuracies, with the record. The exit code is 1
if a figure differs or a line of the journal is damaged. The next sweep sets
damaged lines aside. A torn last line is no damage, because a crash leaves one.
Trials of OpenBLAS and gonum are compared by their figures only.

  -n        number of trials to train again, of all ranks (default 5)
  -trial    key of one trial, or its first characters
  -all      all trials but those that failed
  -out      folder of the sweep (default: the only one in out)
  -data     folder with CIFAR-10, or "synthetic" (default: as for a sweep)
  -impl     kernel set (default: the one on record, or one that rounds alike)
  -workers  cores that split each product (default 1)
`
