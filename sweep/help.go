package main

import (
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/nn/train"
	"fusegrid/results"
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

const helpBeforeAxes = `sweep trains a grid of small nets on labelled images or features, such as
CIFAR-10, and finds the best one.

  sweep [flags]             train every combination of the lists below
  sweep fetch [flags]       download CIFAR-10 into the user's cache folder
  sweep data [path]         describe a data set
  sweep export [flags] OUT  write the trials for pandas, SQL and other programs
  sweep show [OUT] [flags]  show trials on record that fit a condition
  sweep report [OUT …]      write a page with charts of all trials
  sweep watch [OUT]         serve that page while a sweep runs
  sweep plot [OUT]          draw pictures for print
  sweep diff A B            compare the trials of two folders
  sweep status [OUT]        show how far the sweep into a folder is
  sweep verify [flags]      train recorded trials again, compare every bit
  sweep predict [flags]     classify samples with the weights of a trial
  sweep prune OUT [flags]   remove files that a sweep can make again
  sweep merge OUT [DIR …]   join the folders of shards
  sweep slurm … -- [flags]  print a script of Slurm that trains shards
  sweep kube … -- [flags]   print a manifest of Kubernetes that trains shards
  sweep worker [flags]      train trials of studies in a store
  sweep workers [flags]     list the workers of a store
  sweep store WORD [flags]  set up a store, and see its studies
  sweep reproduce [flags]   run the course's assignment, compare every number
  sweep completion SHELL    print a script with which a shell completes commands
  sweep impl                show the kernels of this machine and their peak
  sweep version             show what this program was built from
  sweep help [command]      show this text, or the flags of a command

Values to search: a list (1e-4,1e-3), a range of n values with both ends
(0.1..0.9:5), equal ratios (log:1e-4..1e-2:5), whole numbers (1..5), or several
of these (0,log:1e-3..1:4). Ranges follow the formulas of NumPy's linspace and
geomspace. Tables show six digits of a value.

Instead of all combinations, a sampler can draw points from ranges without a
number of values (-lr log:1e-4..1e-2 -hidden 20..200); it chooses from lists.
Each point is trained with all values of -seed.
`

const helpAfterAxes = `
Which points to train:
  -sample   grid (default): all combinations of the values
            random:N, lhs:N, halton:N: N points that are independent, a Latin
            hypercube, or a scrambled Halton sequence
            tpe:N: N points that learn from the validation accuracies of earlier
            ones, by a tree-structured Parzen estimator
  -sample-seed
            seed of the sampler (default 0). The points are the same on every
            machine, for any number of workers, and if a sweep is resumed
  -tpe-batch
            number of points of a round (default 8), for samplers that learn
  -shard    I/N, such as 3/16: only the trials of this shard, into OUT/shard-I.
            Shards are numbered from 1, and machines train them without knowing
            of each other; "sweep merge OUT" joins them. Which trials a shard
            has depends on the grid, N and -block, and not on the machine.
            env or env/N: the shard is the task of Slurm, PBS, LSF, SGE or
            Kubernetes. Only Slurm tells N. No -halving, -stop or tpe
  -zip      axes whose lists are paired value by value, such as lr,reg
  -max-time duration, such as 90s or 2h, after which the sweep saves its blocks
            and ends with exit code 130, as after Ctrl-C

How to train:
  -net      two-layer (default): like the assignment's train(); HWC pixel order
            fc: any depth, like the assignment's Solver; CHW pixel order
  -dtype    f32 (default); f64, which gives the assignment's numbers; or bfp16:
            first layers in exact integers, the rest as in f32; or bfp16d8: like
            bfp16, but with 8-bit deltas, which is faster. Both are for sgd,
            momentum and nesterov, and batches of at most 1024
  -impl     kernel set, see "sweep impl" (default: the fastest)
  -rule     RULES
  -division an epoch starts if the iteration, from 0, is a multiple of the
            quotient samples / batch size. floor (default): this quotient is
            rounded down, as in Python 2; true: it is not rounded, as in
            Python 3. Not for fc
  -order    separate seed for the minibatches. By default, weights and then
            minibatches come from the stream of -seed, as in the course. With
            -order, nets of all seeds and hidden sizes share their minibatches
            and train together
  -workers  cores to use (default: all)
  -block    maximum number of nets in a block (default 0: what fits the cache)
  -fuse     off: train each net alone, with the same results (default: on)
  -data     folder with CIFAR-10, CIFAR-100, MNIST or images, .npz file, or
            "synthetic" for the built-in set; see "sweep help data"
            (default: FUSEGRID_DATA, else fetched data, else the built-in set)
  -split    [DRAW:]TRAIN,VAL[,TEST] in numbers or shares; see "sweep help data"
            (default: 1000 samples for validation and 1000 for the test)
  -split-seed
            seed of a random split
  -norm     what is done to a sample x. mean (default): x − mean of the training
            samples; standard: also divided by the standard deviation, only for
            features; none
  -labels   for CIFAR-100; see "sweep help data"
  -resize   for folders of images; see "sweep help data"

On many machines (see docs/machines.md):
  -store    URL of a PostgreSQL database, such as postgres://user@host/database,
            whose workers train the trials, see "sweep help worker". This
            process shows the progress and copies the records into OUT. Ctrl-C
            leaves the study to the workers, and the same command comes back
  -study    name of the study in the store (default: one made from the flags)
  -priority from 1, which comes first, to 4 (default 2)
  -class    numeric class of the kernels, such as fma, that all workers must
            have (default: that of the fastest set here); see "sweep impl"

Stopping early (a survivor is bit-identical to a trial without early stopping).
With several seeds, settings are compared by their means, except with async:
  -halving  ETA[:MIN], such as 3:100: compare trials after MIN, MIN·ETA,
            MIN·ETA², … iterations; the best 1/ETA by validation accuracy
            continue (default MIN: all iterations / ETA²)
            async:ETA[:MIN]: compare each block with the blocks that came before
            it, without waiting; the outcome depends on timing and blocks
            hyperband:ETA[:MIN]: several brackets, in which these comparisons
            begin after MIN, MIN·ETA, … iterations or not at all. Only trials of
            one bracket are compared; -dry-run shows the brackets
  -stop     median[:MIN]: compare trials every MIN iterations (default: a tenth
            of all). A mean is taken of each trial's accuracies at all
            comparisons so far. A trial is stopped if its best accuracy is below
            the median of the other trials' means
  -patience N[:MIN]: measure trials every MIN iterations (default: a tenth of
            all). A trial is stopped after N measurements without a gain of its
            best validation accuracy, whatever the other trials do. It can be
            combined with -halving or -stop

Files of flags:
  -config   TOML file with flags by their names, such as lr = "1e-4,1e-3" or
            lr = [1e-4, 1e-3], iters = 1000, quiet = true. Flags on the command
            line win
  -print-config
            print the given flags as such a file, with defaults as comments;
            train nothing

Output:
  -out      folder for the journal, tables and pictures
            (default: out/DATA-NET-DTYPE, such as out/cifar-10-two-layer-f32;
            DATA is custom-HASH for changed copies of CIFAR-10)
  -rank     figure that ranks settings with several seeds: the mean (default);
            best: the best seed; lower: the lower end of the 95% interval of
            the mean. A setting is all trials that differ only in their seed
  -per-seed show one row for each seed; by default, a row is the mean of a
            setting's seeds
  -keep     number of best nets whose weights are kept, or all (default 0), as
            safetensors in OUT/weights. With several seeds, the nets of all
            seeds of this number of best settings. Stopped trials do not count.
            If a file is missing, its trial is trained again, with the same
            weights.
  -states   number of best trials whose full state is kept in OUT/states, or all
            (default 0). A later sweep can resume them. A state has 1 to 4 times
            the size of the weights.
  -curves   off: do not keep learning curves in OUT/curves.bin (default: on)
  -checkpoint
            seconds between two checkpoints of a block (default 60); 0: only on
            Ctrl-C. The same command resumes from checkpoints
  -fresh    start again in a new folder, OUT-2, OUT-3, …
  -top      number of rows of the table to show, 0: all (default 20)
  -color    auto (default): on a terminal, the best row is bold, tied rows are
            green, diverged ones faint, failed ones red, unless NO_COLOR is set;
            always; never
  -dry-run  print the grid, its blocks and the expected time; train nothing
  -quiet    no progress
  -watch    address, such as 127.0.0.1:8080, on which to serve a page with
            charts of the trials while the sweep runs; see "sweep help watch"
  -token    secret for other addresses than those of this machine
  -notify   command for the shell when the sweep ends, fails or is interrupted.
            The variable SWEEP_MESSAGE and the standard input have one line.
            SWEEP_OUT, SWEEP_EXIT, SWEEP_STATE, SWEEP_TRIALS, SWEEP_TOTAL,
            SWEEP_BEST and SWEEP_BEST_KEY have its parts

Accuracies are measured on the final net. A two-layer net ends with its last
weights, and a net of -net fc with its best weights. A stopped trial ends with
the weights at the comparison that stopped it. The column "step" has the
iteration of these weights, "train" the accuracy on 1,000 training samples, and
"val" the accuracy on the validation set. Trials are ranked by val, and only the
best net is tested. Stopped trials come last, those with the most iterations
first. With several -seed, a row has the mean of val over the seeds with its 95%
interval (Student's t). It also has the best and the worst seed, and the mean
difference to the first row. A row is tied with the first if the interval of the
differences, paired by seed, holds 0. All seeds of the first row are tested.
With several values of two axes or more, a line below the table says which share
of the variance of val each axis explains.
OUT/table.csv and table.jsonl also have the accuracies that the course
prints (epoch_train, epoch_val). With several -lr and -reg, OUT/heatmap.png
shows val. OUT/curves.png and curves.svg show the learning curves of the ten
best trials.

Speeds are per core. GFLOP/s/core counts only matrix products, but the time
includes random initialization and the measurement of accuracy. Therefore a
short sweep is further below the peak ("sweep impl") than a long sweep.

Every trial is appended to OUT/trials.jsonl when it ends, and is not trained
again. The same command resumes after Ctrl-C or a crash. A larger grid trains
only its new trials. With other -iters or -epochs, trials resume from
checkpoints and states, with bit-identical results. But with -halving, -stop or
-patience, these trials start at the first iteration. The first Ctrl-C saves the
running blocks and stops, and so does SIGTERM. The second stops at once.
Exit code: 0 success, 1 a failure or a difference, 2 bad input, 130 Ctrl-C,
SIGTERM or -max-time.

  sweep -lr log:1e-4..2e-3:8 -reg 0.25,0.5,0.85 -iters 3000
  sweep -net fc -hidden 100x100,200 -lr 1e-3 -std 1e-2 -epochs 5 -seed 1..3
`

const fetchHelp = `sweep fetch downloads CIFAR-10 (170 MB) into the user's cache folder, where a
sweep finds it, and prints the folder. A second call resumes a broken download.

  -python   the python version; it holds the same images as the binary one
  -url      another address of the same archive; the MD5 is checked as usual
  -quiet    no progress
`

const pruneHelp = `sweep prune OUT removes files of a sweep that only save time, and says how much
disk space it has freed. OUT is the output folder; it may be omitted if there is
only one in out. Without a kind of file, the command shows what could be freed
and removes nothing. It never changes the journal and the tables. While a sweep
runs in the folder, it removes nothing.

  -curves       learning curves; only training all trials again restores them
  -states       states of trials, from which a longer sweep can resume
  -weights      weights of trials; sweep -keep N trains these trials again
  -checkpoints  states of blocks that still train, which then start again
  -keep         number of best trials whose curves, states and weights stay
                (default 0). With several seeds, those of as many best
                settings stay, too
  -rank         figure that ranks settings with several seeds, as in a sweep:
                the mean (default), best or lower
`

const mergeHelp = `sweep merge joins the trials of several folders in the folder OUT.

  sweep merge OUT           the shards OUT/shard-1, OUT/shard-2, …
  sweep merge OUT DIR …     other folders of sweeps, or their journals; also
                            journals that were joined with cat

  -top      number of rows of the table to show, 0: all (default 20)
  -color    as for a sweep

It also joins the learning curves, and keeps the weights and states of the best
trials as a sweep without -shard would. OUT may have trials, and a source may be
in use. The same command merges what is new; it removes nothing. If a trial has
several records, the one with the most iterations counts. If two records of
equal length have unequal bits, nothing is written, and both are printed.

Exit code: 0 if no shard is missing or unfinished, 1 if one is or if records
have unequal bits, 2 for bad input.
`

const slurmHelp = `sweep slurm prints a script of Slurm with which the tasks of an array train the
shards of a sweep. The flags of the sweep follow two hyphens, and -out is the
folder of the study, which all tasks must see.

  sweep slurm -shards 16 -- -lr log:1e-4..1e-2:64 -out out/study > study.sh
  sbatch study.sh

  -shards   number of shards, and of tasks; each task trains one shard
  -cpus     cores of a task (default 4)
  -mem      memory of a task in GiB (default 4)
  -time     time limit of a task, such as 12h (default: that of the cluster). A
            task that reaches it saves its blocks, goes back into the queue, and
            resumes
  -name     name of the job (default sweep)

The script has the path of this program and the number of shards. To repeat some
tasks, submit it with another array: sbatch --array=3,7 study.sh. Flags of
sbatch win over those in the script: sbatch --partition=long study.sh.
`

const kubeHelp = `sweep kube prints a manifest of Kubernetes for an Indexed Job whose pods train
the shards of a sweep. The flags of the sweep follow two hyphens, and -out is
the folder of the study in the volume.

  sweep kube -shards 16 -image registry.example/sweep -claim study -- \
      -lr log:1e-4..1e-2:64 -data data -out study > study.yaml
  kubectl apply -f study.yaml

  -shards   number of shards, and of pods; each pod trains one shard
  -image    image whose program is sweep
  -claim    PersistentVolumeClaim that all pods can write to. Pods see it as the
            folder /study, where they start
  -cpus     cores of a pod, requested and as its limit (default 4)
  -mem      memory of a pod in GiB, requested and as its limit (default 4)
  -name     name of the Job (default sweep)

A pod that is evicted saves its blocks, and another one resumes them. Bad input
fails the index at once, and other failures after 3 more pods.
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

const dataHelp = `sweep data describes a data set: its shape, its classes, the number of samples
of each class in each part of the split, and samples that occur twice.

  sweep data               describe the set that a sweep would train on
  sweep data PATH          describe another set, which sweep -data PATH uses

A path is one of these:
  CIFAR-10 or CIFAR-100    folder of the binary or the python version
  MNIST and its kin        folder with train-images-idx3-ubyte and so on, or one
                           of these files, which may be compressed with gzip
  folder of images         a folder for each class with PNG and JPEG files, or
                           train, test and perhaps val with such folders
  .npz file                arrays x_train, y_train, x_test, y_test and perhaps
                           x_val, y_val; or X and y. Samples are uint8, float32
                           or float64 of shape (N, ...), labels are integers
Bytes stay bytes in training. Floats are features, also those of images. There
are 2 to 10,000 classes. The name of a set is the name of its file or folder.

  -data       another way to give the path
  -labels     fine (default, 100 classes) or coarse (20), for CIFAR-100
  -resize     WIDTHxHEIGHT for a folder of images; each new pixel is the mean of
              its area
  -split      [DRAW:]TRAIN,VAL[,TEST] in numbers or shares of the samples, such
              as 50000,10000,10000 or stratified:0.8,0.1,0.1. DRAW is one of
              ordered     the first samples train, the last ones validate
              random      drawn without replacement
              stratified  drawn in each class, so that classes keep their shares
              If a set has a test part, TEST is of this part, and the default is
              1000 samples for validation and 1000 for the test. They are
              stratified for .npz files and folders of images, else ordered.
              Otherwise all parts are of all samples, and the default is
              stratified:0.8,0.1,0.1
  -split-seed seed of the draw, which is that of NumPy's shuffle (default 0)
  -norm       as for a sweep
  -mean       PNG file for the mean image of the training part
`

const implHelp = `sweep impl shows the kernel sets of this machine and build: their numeric class,
the tiles of their matrix products, the peak of one core, and the CPU features
that they need. It also says why other sets are missing. It has no flags.

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
  -data     as for a sweep; the split and the normalization are those on record
  -labels   as for a sweep
  -resize   as for a sweep
  -impl     kernel set (default: the one on record, or one of the same class)
  -workers  cores that split each product (default 1)
`

const exportHelp = `sweep export writes the trials of the output folder OUT into a file for other
programs. All formats have the columns of OUT/table.csv, with all digits. A
sweep may still be running. OUT may be omitted if out has one output folder.

  sweep export -to parquet OUT

  -to       csv           as OUT/table.csv
            jsonl         one JSON object in each line, as OUT/table.jsonl
            parquet       for DuckDB, pandas, Polars and Spark
            npz           for NumPy: one array of each column. Missing numbers
                          are NaN, missing integers are -1, and missing texts
                          are empty
            sqlite        a database with the table trials
            tensorboard   a folder with one run of each trial
            optuna        a journal of Optuna, for optuna-dashboard
  -o        file, or folder for tensorboard (default: export and the suffix of
            the format in OUT, such as OUT/export.parquet)
  -top      number of best trials, 0: all (default: 100 for tensorboard and
            optuna, which are slow with many trials; else all)
  -where    condition on the columns, as for sweep show
  -force    replace the file
`

// showHelp returns the help text of show, with the names of the columns.
func showHelp() string {
	var names []string
	for _, c := range results.NewTable(nil).Columns() {
		names = append(names, c.Name)
	}
	return strings.Replace(showHelpText, "COLUMNS", strings.Join(cli.Fold(names, 76), "\n  "), 1)
}

const showHelpText = `sweep show prints the trials of an output folder, best first.

  sweep show [OUT …] [flags]

  OUT       folder of a sweep, or its journal (default: the only folder in out).
            With several folders, the column "out" tells them apart
  -where    condition on the columns below, such as 'lr<1e-3 && hidden==50'
  -sort     columns to sort by, such as hidden,-val; with a hyphen, the largest
            value is first. Missing values are last
  -columns  columns to show (default: those of the table of a sweep)
  -top      number of rows, 0: all (default 20; all with -json and -csv)
  -color    as for a sweep
  -json     one JSON object per line, with exact values; null if missing
  -csv      the same as CSV; a missing value is an empty cell
  -trial    key of one trial, or its first characters: show all of that trial,
            its files, and the command that trains it again
  -o        with -trial: folder for a picture of the kept weights, see -keep
  -data     with -trial and -o: data set, for the confusion matrix of its
            validation samples; -labels and -resize as for a sweep
  -labels   which labels of CIFAR-100 to use
  -resize   size of the images of a folder

Conditions join comparisons with &&, || and !, and group them with ( and ). A
comparison has ==, !=, <, <=, > or >= between columns, numbers and texts. Texts
need quotes if they have blanks, or if they are the name of a column. A text is
searched with =~ and a regular expression in quotes. A comparison with a missing
value is false; val==none and val!=none test whether there is a value. Numbers
are compared exactly, with all digits, and the table shows six of them.

  sweep show -where 'state==done && (hidden==100x100 || rule=="adam")' -top 5
  sweep show a b -where 'val>=0.5' -sort -val,seconds -columns out,key,val

Columns:
  COLUMNS
`

const reportHelp = `sweep report writes the trials of output folders as one page for a browser. The
page is one file of HTML. It needs no network, no server and no other file.

  sweep report [-o report.html] [OUT …]

  OUT       folder of a sweep, or its journal (default: the only folder in out).
            With several folders, the page compares them, and the column "out"
            tells their trials apart. A sweep may still be running
  -o        file (default report.html). A page of sweep report is replaced
  -force    replace the file, whatever it is
  -data     data set of the trials, for the commands of the page and for the
            confusion matrix of kept nets, see -keep (default: the data set that
            the last sweep into the folder named)
  -labels   as for a sweep
  -resize   as for a sweep

The page shows the best setting, how sure that is and what to try next, with the
commands for it; a heat map over any two parameters, the importance of each, all
trials in parallel coordinates, learning curves, pictures of kept nets, and a
table. Its field takes the conditions of sweep show -where, or the beginning of
a key. It works in browsers of 2023 and later. Without scripts, it shows the
answers, a heat map and the best 100 trials.
`

const watchHelp = `sweep watch serves the page of sweep report while a sweep runs. The page shows
each trial as soon as it has ended. The server only reads the folder, so it goes
on if the sweep ends, is killed or is resumed.

  sweep watch [-addr 127.0.0.1:8080] [OUT]

  OUT       folder of a sweep (default: the only folder in out)
  -addr     address and port to serve the page on (default 127.0.0.1:8080, which
            only this machine can open). Port 0 is one that is free. Other
            addresses, such as 0.0.0.0:8080, need -token
  -token    secret of at least 16 letters and digits, which a browser must send.
            The command prints the address with it; a cookie then takes its
            place. The connection is not encrypted. The variable FUSEGRID_TOKEN
            can have the token instead
  -data     data set of the trials, for the commands of the page (default: the
            data set that the last sweep into the folder named)
  -labels   as for a sweep
  -resize   as for a sweep

To watch a sweep on another machine, forward its port, for example by
ssh -L 8080:127.0.0.1:8080 HOST, and open http://127.0.0.1:8080/ here.
"sweep -watch ADDR" serves the page from the sweep itself, until it ends.
`

const plotHelp = `sweep plot draws the trials of an output folder for print: as PNG in twice the
resolution of a screen, and as SVG.

  sweep plot [flags] [OUT]

  OUT       folder of a sweep (default: the only folder in out). A sweep may
            still be running
  -o        folder of the pictures (default OUT/plots, whose pictures are
            replaced)
  -where    condition on the columns, as for sweep show
  -x        horizontal axis of the heat map (default lr and reg, or else the
            first two parameters that vary)
  -y        vertical axis
  -force    replace pictures in the folder of -o

The pictures are: heatmap, the results over two parameters; curves, the losses
and accuracies of the ten best trials; time, the result of each trial against
the seconds of its training; and weights, the first layers of the best and of
the worst kept net, see -keep, as PNG alone.
`

const diffHelp = `sweep diff compares the records of two sweeps. A trial is in both if both have
its key, and so its configuration.

  sweep diff A B [flags]

  A, B      folders of sweeps, or their journals
  -top      number of rows of each table, 0: all (default 20)
  -json     one JSON object, with the keys of all trials that differ or are in
            one folder only

A trial has the same bits if the hashes of its weights and losses are equal. Its
figures are its state, steps, accuracies and losses. A figure that one of the
records lacks is not compared. Trials with the largest difference in val, the
accuracy on the validation set, come first.

Exit code, as that of diff: 0 if all trials in both have the same bits and
figures, 1 if one differs, 2 for bad input. Trials that are in one folder only
do not count as a difference.
`

const statusHelp = `sweep status shows how far the sweep into a folder is, from another terminal. If
no sweep runs, it shows how the last one ended, and the command that resumes it.

  sweep status [OUT] [flags]

  OUT       folder of a sweep (default: the only folder in out)
  -watch    show the status again and again, until the sweep ends
  -json     one JSON object; with -watch, one per line every 2 seconds

A sweep writes OUT/status.json every 2 seconds, but a shorter sweep writes none.
The best net in training is that with the highest accuracy on the validation set
at its last measurement: at the end of an epoch, or at a comparison of trials.
Trials on record are those of the whole folder.
`

const predictHelp = `sweep predict classifies samples with the weights that a sweep has kept. It
prints the accuracy, also for each class, and the confusion matrix of at most 20
classes. The scores have the bits of the sweep that trained the net.

  -weights  file that sweep -keep wrote into OUT/weights, or a folder with one
  -data     as for a sweep. Samples must have the shape of those of the net.
            Classes may have another order, because their names count. A folder
            of image files and an .npz file with X alone are samples without
            labels, so there is no accuracy
  -part     train, val or test: that part of the split with which the net was
            trained; or all. The default is test. For other data than those of
            the net, train and test are the parts of the files, and the default
            is all
  -o        CSV file for the predictions, one row for each sample: its index,
            its place in the files, its label, the predicted class, and the
            probability of this class in the softmax of the scores. If scores
            overflow, there is no class, and the exit code is 1
  -force    replace the file
  -labels   as for a sweep
  -resize   as for a sweep

  sweep predict -weights out/cifar-10-two-layer-f32/weights -data DIR -o p.csv
`

const completionHelp = `sweep completion prints a script with which a shell completes the commands,
flags and words of a program with the name sweep.

  sweep completion bash > ~/.local/share/bash-completion/completions/sweep
  sweep completion zsh > DIR/_sweep, where DIR is a folder of $fpath
  sweep completion fish > ~/.config/fish/completions/sweep.fish

It has no flags. A script has the flags and words of the program that printed
it, so print it again after an update.
`

const workerHelp = `sweep worker trains trials of the studies in a store on all cores, until Ctrl-C.
Any number of workers may run, on any number of machines. A worker takes the
blocks of a study if it has the data set and kernels of the numeric class. It
trains a block for a minute at most, and then keeps its state in the store. So
if a worker is lost, another one resumes the block. Records have the same bits
as those of a sweep on one machine.

  -store    URL of the database (default: FUSEGRID_STORE), as for a sweep
  -data     folder or file of a data set; the flag may be given several times.
            The places where a sweep looks are searched, too. The hash of a data
            set tells which studies need it
  -workers  number of blocks that train at the same time (default: all cores)
  -class    take only studies of this numeric class
  -max-time duration, such as 2h, after which the worker ends

The first Ctrl-C, or SIGTERM, keeps what was trained and ends the worker. The
second one ends it at once, and its blocks resume elsewhere after two minutes.
`

const workersHelp = `sweep workers lists the workers of a store that had a sign of life in the last
day: the numeric class of their fastest kernels, the trials and segments that
they have kept, and their speed.

  -store    URL of the database (default: FUSEGRID_STORE), as for a sweep
`

const storeHelp = `sweep store sets up a PostgreSQL database as a store of studies, and manages
them. See docs/machines.md.

  sweep store init          make the tables, or update them; they are in the
                            schema fusegrid, or in ?search_path=NAME of the URL
  sweep store grant ROLE    print the SQL that gives a role what workers and
                            sweeps need
  sweep store status        list the studies
  sweep store cancel STUDY  stop a study; its records stay
  sweep store prune         show what the states and weights of studies take
                            that do not run; with -yes, remove them
  sweep store ui            serve River's pages of the jobs to a browser, until
                            Ctrl-C. They have no login

  -store    URL of the database (default: FUSEGRID_STORE). The password may also
            be in PGPASSWORD or in the password file ~/.pgpass. sslmode in the
            URL has the values of libpq, such as ?sslmode=verify-full
  -segment  for init: the time after which a worker keeps the state of a block
            (default 60s). A block of a lost worker resumes elsewhere after
            twice this time
  -yes      for prune: remove
  -addr     for ui: the address to listen on, which only this machine reaches
            (default 127.0.0.1:8080)
`
