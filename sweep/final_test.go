package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// TestStatesAndWeights ranks trials that have another order at their last epoch than at their end. The weights and
// the state that are kept must be those of the first trial of the table.
func TestStatesAndWeights(t *testing.T) {
	searchtest.Long(t)
	useWhole(t)
	isolate(t)
	_, stderr, code := call(t, strings.Fields("-data synthetic -lr 1e-3 -reg 10,1000 -iters 10 -block 1 -states 1 -keep 1 -out o -quiet")...)
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	records := searchtest.Recorded(t, "o")
	results.Rank(records)
	if a, b := records[0].Accuracy, records[1].Accuracy; *a.EpochVal > *b.EpochVal {
		t.Fatal("the epochs rank as the ends do; the test needs other trials")
	}
	for _, dir := range []string{folder.WeightsDir, folder.StatesDir} {
		names, _ := filepath.Glob(filepath.Join("o", dir, "*"))
		if want := []string{filepath.Join("o", dir, records[0].Key+".safetensors")}; !slices.Equal(names, want) {
			t.Errorf("kept %v, want %v, reg %g", names, want, records[0].Config.Reg)
		}
	}
}
