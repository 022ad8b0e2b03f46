package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// Verify trains a recorded trial again, alone and on the given number of cores, and compares both
// trainings. The verdict is one line that says that they agree, or names the differences. Verify
// also reports whether they agree. With a stable kernel set, all bits must be equal. The error is a
// [folder.InputError] if the trial failed, or if it was trained with other data or another class of
// kernels.
func Verify(ctx context.Context, want results.Record, set *kernels.Set, data *dataset.Split, cores int) (verdict string, same bool, err error) {
	if set != nil {
		if set, err = fusegrid.ForType(set, want.Config.DType); err != nil {
			return "", false, folder.InputError{Err: err}
		}
	}
	switch c := want.Config; {
	case set == nil || data == nil:
		err = errors.New("search: Verify needs a kernel set and data")
	case c.Key() != want.Key:
		err = fmt.Errorf("search: the configuration of trial %.12s has another key, %.12s", want.Key, c.Key())
	case want.State == results.Failed:
		err = fmt.Errorf("search: trial %.12s failed, so there is nothing to compare with: %s", want.Key, want.Error)
	case data.Hash != want.Config.Data:
		err = fmt.Errorf("search: trial %.12s was trained on data %.8s, this is %.8s", want.Key, want.Config.Data, data.Hash)
	case c.Split != data.Sizes() || c.Pixels != data.PixelOrder() || c.Partition != data.Partition || c.Norm != string(data.Norm):
		err = fmt.Errorf("search: trial %.12s was trained on %s, this is %s", want.Key,
			splitText(c.Split, c.Partition, c.Pixels, c.Norm), splitText(data.Sizes(), data.Partition, data.PixelOrder(), string(data.Norm)))
	case want.Config.Earlier():
		err = fmt.Errorf("search: trial %.12s was trained by an earlier version, whose kernels of class %s summed all terms of a product in one chain; train it again",
			want.Key, want.Config.Class)
	case string(set.Class) != want.Config.Class:
		err = fmt.Errorf("search: trial %.12s was trained by kernels of class %s, %s has class %s", want.Key, want.Config.Class, set.Name, set.Class)
	}
	if err != nil {
		return "", false, folder.InputError{Err: err}
	}
	r, err := runner.New(want.Config.DType, set, data)
	if err != nil {
		return "", false, folder.InputError{Err: err}
	}
	b := plan.Block{Trials: []grid.Trial{{Key: want.Key, Config: want.Config}}, Cores: cores}
	var got results.Record
	hooks := runner.Hooks{Observer: single{&got}}
	if want.State == results.Stopped {
		hooks.StopAt = want.Steps
	}
	if err := r.Run(ctx, b, hooks); err != nil {
		return "", false, err
	}
	verdict, same = compare(set.Stable, want, got)
	return verdict, same, nil
}

// splitText describes a split of a data set.
func splitText(sizes [3]int, partition, pixels, norm string) string {
	text := fmt.Sprintf("a split of %v samples", sizes)
	for _, part := range [][2]string{{"drawn", partition}, {"in order", pixels}, {"normalization", norm}} {
		if part[1] != "" {
			text += ", " + part[0] + " " + part[1]
		}
	}
	return text
}

// A single is the observer of one trial. It stores the record.
type single struct{ record *results.Record }

func (s single) Ended(records []results.Record, _ bool) bool {
	*s.record = records[0]
	return false
}

func (single) Stepped(int, float64) {}
func (single) Resumed(int)          {}
func (single) Rejected(error)       {}

// near is the largest relative difference of losses if bits depend on the shapes of products.
const near = 1e-3

// compare compares the records of two trainings of a trial.
func compare(stable bool, want, got results.Record) (verdict string, ok bool) {
	var apart []string
	note := func(what string, same bool, a, b any) {
		if !same {
			apart = append(apart, fmt.Sprintf("%s %v, on record %v", what, a, b))
		}
	}
	note("state", got.State == want.State, got.State, want.State)
	if stable {
		note("steps", got.Steps == want.Steps, got.Steps, want.Steps)
		note("weights", got.Weights == want.Weights, short(got.Weights), short(want.Weights))
		note("losses", got.Losses == want.Losses, short(got.Losses), short(want.Losses))
	}
	if want.Train() == nil { // earlier versions did not measure it
		got.Accuracy.FinalTrain = nil
	}
	g, w := figures(got), figures(want)
	for i := range g {
		same := (g[i].value == nil) == (w[i].value == nil)
		if same && g[i].value != nil {
			a, b := *g[i].value, *w[i].value
			same = a == b
			if !stable {
				same = math.Abs(a-b) <= g[i].near*max(1, math.Abs(b))
			}
		}
		note(g[i].name, same, number(g[i].value), number(w[i].value))
	}
	switch {
	case len(apart) > 0:
		return "DIFFERS: " + strings.Join(apart, "; "), false
	case !stable:
		return "the figures agree; bits were not compared, because those of this kernel set depend on the other nets of a block", true
	}
	return "the same bits", true
}

// A figure is a number of a record, with the largest relative difference if bits are not compared.
type figure struct {
	name   string
	column string
	value  *float64
	near   float64
}

// A Difference is a figure that two records of a trial have, with different values.
type Difference struct {
	Figure string // its column in tables, or rung for the accuracy at the last rung of a stopped trial
	A, B   float64
}

// Differences returns the figures that differ between two records of a trial. It leaves out those that a record
// lacks, because earlier versions measured fewer.
func Differences(a, b results.Record) (all []Difference) {
	other := figures(b)
	for i, f := range figures(a) {
		if v, w := f.value, other[i].value; v != nil && w != nil && *v != *w {
			all = append(all, Difference{f.column, *v, *w})
		}
	}
	return all
}

func figures(r results.Record) []figure {
	a, l := r.Accuracy, r.Loss
	var rung *float64
	if n := len(r.Rungs); n > 0 && r.State == results.Stopped {
		rung = &r.Rungs[n-1].Val
	}
	const images = 0.02 // of a thousand images, rounding classifies a few differently
	return []figure{
		{"training accuracy", "train", r.Train(), images},
		{"validation accuracy", "val", r.Val(), images},
		{"test accuracy", "test", a.Test, images},
		{"training accuracy of the last epoch", "epoch_train", a.EpochTrain, images},
		{"validation accuracy of the last epoch", "epoch_val", a.EpochVal, images},
		{"best validation accuracy", "best_val", a.BestVal, images},
		{"validation accuracy at the last rung", "rung", rung, images},
		{"first loss", "loss_first", l.First, near},
		{"last loss", "loss_last", l.Last, near},
		{"least loss", "loss_min", l.Min, near},
	}
}

func number(v *float64) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprint(*v)
}

func short(hash string) string { return cmp.Or(fmt.Sprintf("%.12s", hash), "none") }
