package grid

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fusegrid/results"
)

var hiddenLayers = Layers{Max: 1 << 16}

func TestLists(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []float64
	}{
		{"1e-4,1e-3", []float64{1e-4, 1e-3}},
		{" 1 , 2 ", []float64{1, 2}},
		{"0.1..0.7:4", []float64{0.1, 0.3, 0.5, 0.7}},
		{"log:1e-4..1e-1:4", []float64{1e-4, 1e-3, 1e-2, 1e-1}},
		{"log:1e-4..1e-3:3", []float64{1e-4, 0.00031622776601683794, 1e-3}},
		{"0,log:1..16:5", []float64{0, 1, 2, 4, 8, 16}},
	} {
		t.Run(tt.list, func(t *testing.T) {
			got, err := Floats{Zero: true}.list("reg", tt.list)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, %v; want %v", tt.list, got, err, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		list string
		want []int64
	}{
		{"1..5", []int64{1, 2, 3, 4, 5}},
		{"0..10:3", []int64{0, 5, 10}},
		{"7,log:16..256:5", []int64{7, 16, 32, 64, 128, 256}},
		{"4294967290..4294967295", []int64{4294967290, 4294967291, 4294967292, 4294967293, 4294967294, 4294967295}},
	} {
		t.Run(tt.list, func(t *testing.T) {
			got, err := integers{name: "seed", max: 1 << 32}.list(tt.list)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, %v; want %v", tt.list, got, err, tt.want)
			}
		})
	}
	nets, err := hiddenLayers.list("hidden", "50,100x100,10..30:3", "fc")
	if want := [][]int{{50}, {100, 100}, {10}, {20}, {30}}; err != nil || !reflect.DeepEqual(nets, want) {
		t.Errorf("hidden: %v, %v; want %v", nets, err, want)
	}
}

func FuzzLists(f *testing.F) {
	for _, s := range []string{"1e-4,1e-3", "0,log:1e-3..1:4", "1..5", "", "..:", "log:..", "1..2:x", "5x5,x", "-0", "9223372036854775807..1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if len(list) > 40 {
			return // ranges of a million values are slow
		}
		for _, parse := range []func() (int, error){
			func() (int, error) { v, err := Floats{Example: "1"}.list("lr", list); return len(v), err },
			func() (int, error) { v, err := integers{"seed", 0, 1 << 32, "1"}.list(list); return len(v), err },
			func() (int, error) { v, err := hiddenLayers.list("hidden", list, "fc"); return len(v), err },
		} {
			n, err := parse()
			switch {
			case err == nil && (n < 1 || n > MaxPoints):
				t.Errorf("%q: %d values", list, n)
			case err != nil && (!strings.Contains(err.Error(), "; write for example ") || strings.Contains(err.Error(), "\n")):
				t.Errorf("%q: %v", list, err)
			}
		}
	})
}

func TestGridPoints(t *testing.T) {
	g, err := Standard().Parse(Setting{Net: "fc", Rule: "sgd", Given: map[string]string{"lr": "1,2", "seed": "3,4", "epochs": "2", "batch": "10,1000", "hidden": "5x6"}})
	if err != nil {
		t.Fatal(err)
	}
	base := results.Config{Net: "fc", Split: [3]int{100, 10, 10}}
	var got []string
	keys := map[string]bool{}
	for c := range g.Over(base).All() {
		got = append(got, fmt.Sprintf("%s %d %d %g %d", layersText(c.Hidden), c.Batch, c.Iters, c.LR, c.Seed))
		keys[c.Key()] = true
	}
	want := []string{
		"5x6 10 20 1 3", "5x6 10 20 1 4", "5x6 10 20 2 3", "5x6 10 20 2 4",
		"5x6 1000 2 1 3", "5x6 1000 2 1 4", "5x6 1000 2 2 3", "5x6 1000 2 2 4",
	}
	if !slices.Equal(got, want) || len(keys) != len(want) {
		t.Errorf("points\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDecimalCommaOfList(t *testing.T) {
	for list, want := range map[string]string{
		"0,25": "0.25", "0,25,0,85": "0.25,0.85", "0,1,0,2,0,3": "0.1,0.2,0.3", "0,25..0,85:3": "0.25..0.85:3", "log:0,1..0,5:3": "log:0.1..0.5:3",
		"0,25,50": "", "0,0.25": "", "1,25": "", "0,25..50:3": "", "0,": "", "0": "", "0,log:1..4:3": "",
	} {
		t.Run(list, func(t *testing.T) {
			if got, ok := decimalComma(list); got != want || ok != (want != "") {
				t.Errorf("%q, %v; want %q", got, ok, want)
			}
		})
	}
}
