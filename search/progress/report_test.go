package progress

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"fusegrid/results"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// running returns a sweep with a block of two nets that has done an iteration.
func running() (*Sweep, *Block) {
	var b plan.Block
	for i := range 2 {
		c := results.Config{Net: "fc", Hidden: []int{3, 4}, Batch: 1, Iters: 10, LR: 0.1 * float64(i+1), Seed: 7}
		b.Trials = append(b.Trials, grid.Trial{Key: c.Key(), Config: c, FLOPs: 1e9})
	}
	l := New([]plan.Block{b}, func(results.Config) float64 { return 1e9 }, func(int) float64 { return 1 })
	t := l.Begin(1, b)
	t.Stepped(2, 2e9)
	return l, t
}

// TestLeaderOfFunction checks the best trial so far of a function that is minimized.
func TestLeaderOfFunction(t *testing.T) {
	var blocks []plan.Block
	for x := range 2 {
		c := results.Config{Objective: "f", Minimize: true, Iters: 9, Params: results.Params{{Name: "x", Number: float64(x)}}}
		blocks = append(blocks, plan.Block{Trials: []grid.Trial{{Key: c.Key(), Config: c}}})
	}
	l := New(blocks, func(results.Config) float64 { return 1 }, func(int) float64 { return 1 })
	l.Axes = []string{"x"}
	a, b := l.Begin(1, blocks[0]), l.Begin(2, blocks[1])
	best := func(want string) {
		t.Helper()
		if best := l.Status(time.Now()).Best; best.String(l.Axes) != want {
			t.Errorf("best %+v, want %s", best, want)
		}
	}
	a.Measured([]int{0}, []float64{-1e-7})
	best("best so far -1e-07 (x 0)")
	b.Measured([]int{0}, []float64{-2e-7})
	best("best so far -2e-07 (x 1)")
	r := results.Record{State: results.Done, Config: blocks[0].Trials[0].Config}
	r.Accuracy.FinalVal = new(-1e-6)
	l.Ended([]results.Record{r})
	best("best -1e-06 (x 0)")
	r.Accuracy.FinalVal = new(-1e-5)
	l.Ended([]results.Record{r})
	best("best -1e-05 (x 0)")
	b.Measured([]int{0}, []float64{12345678})
	best("best -1e-05 (x 0)")
}

// TestLeader checks which trial is the best so far: the best at the last measurement, not at an earlier one.
func TestLeader(t *testing.T) {
	l, b := running()
	l.Axes = []string{"lr", "hidden", "mu"}
	for _, tt := range []struct {
		vals []float64
		want string
	}{
		{nil, ""},
		{[]float64{0.5, 0.4}, "best so far 0.5000 (lr 0.1, hidden 3x4, mu -)"},
		{[]float64{0.25, 0.375}, "best so far 0.3750 (lr 0.2, hidden 3x4, mu -)"},
		{[]float64{math.NaN(), 0.25}, "best so far 0.2500 (lr 0.2, hidden 3x4, mu -)"},
		{[]float64{math.NaN(), math.NaN()}, ""},
	} {
		if tt.vals != nil {
			b.Measured([]int{0, 1}, tt.vals)
		}
		best := l.Status(time.Now()).Best
		if (best == nil) != (tt.want == "") || best != nil && best.String(l.Axes) != tt.want {
			t.Errorf("%v: best %+v, want %s", tt.vals, best, tt.want)
		}
	}
	b.Measured([]int{1}, []float64{0.25})
	half := 0.5
	l.Ended([]results.Record{{Key: "k", State: results.Done, Accuracy: results.Accuracy{FinalVal: &half}}})
	if best := l.Status(time.Now()).Best; best.Key != "k" || !best.Ended {
		t.Errorf("best %+v, want the trial that ended", best)
	}
	if line := l.line(time.Second, 200); !strings.Contains(line, "  best 0.5000 (lr 0, hidden -, mu -)  ") {
		t.Errorf("live line %q", line)
	}
}

func TestStatusIsRead(t *testing.T) {
	l, b := running()
	b.Resumed(3)
	b.Measured([]int{0}, []float64{0.5})
	want := l.Status(l.Began.Add(2 * time.Second))
	var text bytes.Buffer
	if err := want.Write(&text); err != nil {
		t.Fatal(err)
	}
	got, err := ReadStatus(&text)
	if err != nil {
		t.Fatal(err)
	}
	want.Began, want.Written = want.Began.Round(0), want.Written.Round(0) // without the monotonic clock
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", *got, want)
	}
	if got.Blocks[0] != (BlockStatus{1, 2, 4, 10}) || got.Rate != 1 || got.Left <= 0 {
		t.Errorf("%+v", got)
	}
}

func TestStatusErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "it is no status of a sweep: unexpected end",
		"{}":                        "it has version 0, but this program reads version 1",
		`{"version":2,"new":1}`:     "it has version 2, but this program reads version 1; use a newer program",
		`{"version":1}`:             "it has no state",
		`{"version":1,"state":"x"}`: "it has no state",
		`{"version":1,"state":"running","state":"failed"}`: "state",
		strings.Repeat(" ", 2<<20):                         "more than 1048576 bytes",
	} {
		if s, err := ReadStatus(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %+v, %v; want %s", text, s, err, want)
		}
	}
}

func FuzzReadStatus(f *testing.F) {
	l, b := running()
	b.Measured([]int{0}, []float64{0.5})
	var text bytes.Buffer
	if err := l.Status(time.Now()).Write(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"version":1,"state":"running"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadStatus(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := s.Write(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadStatus(&again); err != nil {
			t.Fatalf("%v: %s", err, again.Bytes())
		}
	})
}
