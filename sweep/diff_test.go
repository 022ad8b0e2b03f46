package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/golden"
	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// writeFolder writes records into a new folder.
func writeFolder(t *testing.T, dir string, records []results.Record) {
	t.Helper()
	out, err := folder.Open(searchtest.Unsynced{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Append(records); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// otherFolder writes a folder b: that of a sweep in muladd with another accuracy and loss, other weights, a trial less,
// one that diverged, one without the accuracy of epochs, and a new one.
func otherFolder(t *testing.T) {
	t.Helper()
	records := searchtest.Recorded(t, "muladd")
	results.Rank(records)
	val, loss := *records[2].Val()+0.015625, *records[2].Loss.Last+1e-9
	records[2].Accuracy.FinalVal, records[2].Loss.Last = &val, &loss
	records[3].Weights = strings.Repeat("0", 64)
	records[4].State, records[4].Steps, records[4].Weights = results.Diverged, 7, ""
	records[5].Accuracy.EpochVal = nil
	fresh := records[1]
	fresh.Config.LR = 0.125
	fresh.Key = fresh.Config.Key()
	writeFolder(t, "b", append(slices.Delete(records, 0, 1), fresh))
}

func TestDiff(t *testing.T) {
	file := goldenFile(t, "show.txt")
	copyEarlier(t, "muladd")
	otherFolder(t)
	if err := os.CopyFS("copy", os.DirFS("muladd")); err != nil {
		t.Fatal(err)
	}
	text := said(t,
		[]string{"diff", "muladd", "copy"},
		[]string{"diff", "muladd", "b", "-top", "2"},
		[]string{"diff", "b", "muladd/trials.jsonl", "-json"},
	)
	golden.Check(t, file, text)
}

// TestDiffLargestFirst checks the order of differences in a large list, and that -top has no effect on the JSON.
func TestDiffLargestFirst(t *testing.T) {
	isolate(t)
	var a, b []results.Record
	for i := range 50 {
		r := results.Record{State: results.Done, Steps: 3, Weights: "w", Losses: "l", Config: results.Config{Iters: 3, Seed: uint32(i)}}
		r.Key = r.Config.Key()
		x, y := 0.5, 0.5+float64(i*7%50-25)/100
		r.Accuracy.FinalVal = &x
		a = append(a, r)
		r.Accuracy.FinalVal = &y
		b = append(b, r)
	}
	writeFolder(t, "a", a)
	writeFolder(t, "b", b)
	stdout, stderr, code := call(t, "diff", "a", "b", "-json", "-top", "1")
	var got struct {
		Both, SameBits int
		Differences    []struct {
			Figures []struct{ A, B float64 }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitFailed || stderr != "" || got.Both != 50 || len(got.Differences) != 49 {
		t.Fatalf("%v, exit code %d, %s, %+v", err, code, stderr, got)
	}
	last := 1.0
	for _, d := range got.Differences {
		change := max(d.Figures[0].B-d.Figures[0].A, d.Figures[0].A-d.Figures[0].B)
		if change > last {
			t.Errorf("a difference of %v comes after one of %v", change, last)
		}
		last = change
	}
}
