package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/halving"
)

// bowl returns a study of a function whose best value is 0 at x = 0.3 and n = 4.
func bowl(dir string, sample string) Study {
	return Study{Dir: dir, Disk: searchtest.Unsynced{}, Objective: Func{
		Name: "bowl", Sample: sample,
		Space: []Param{Float("x", "-1..1"), Int("n", "1..9"), Word("shift", "none", "up")},
		Value: func(_ context.Context, t *Trial) (float64, error) {
			v := -math.Abs(t.Float("x")-0.3) - math.Abs(float64(t.Int("n")-4))
			if t.Word("shift") == "up" {
				v -= 0.1
			}
			return v, nil
		},
	}}
}

// TestFunc searches a function with TPE, at once and with interruptions.
func TestFunc(t *testing.T) {
	isolate(t)
	whole, err := Run(t.Context(), bowl("whole", "tpe:60"))
	if err != nil {
		t.Fatal(err)
	}
	best, ok := whole.Table.Best()
	if !ok || *best.Val() < -0.15 || whole.Trials != 60 || len(whole.Records) != 60 {
		t.Errorf("best %v of %d trials", best, len(whole.Records))
	}
	ended := 0
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		study := bowl("parts", "tpe:60")
		var said bytes.Buffer
		study.Log = log.New(&said, "", 0)
		f := study.Objective.(Func)
		value, n := f.Value, new(atomic.Int32)
		f.Value = func(ctx context.Context, t *Trial) (float64, error) {
			if n.Add(1) == 7 {
				cancel()
			}
			return value(ctx, t)
		}
		study.Objective = f
		result, err := Run(ctx, study)
		cancel()
		// One message says how many trials are on record, whatever their round.
		want := ""
		if ended > 0 {
			want = fmt.Sprintf("%d of 60 trials are on record in parts; %d to train\n", ended, 60-ended)
		}
		if said.String() != want {
			t.Errorf("messages %q, want %q", said.String(), want)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || len(result.Records) < ended {
			t.Fatalf("%d records, error %v", len(result.Records), err)
		}
		ended = len(result.Records)
	}
	searchtest.Complete(t, "interrupted", "parts", 60, results.NewTable(searchtest.Recorded(t, "whole")).Digest())
	// The journal says which parameters are whole numbers.
	kinds := map[string]results.Kind{}
	for _, c := range results.NewTable(searchtest.Recorded(t, "parts")).Columns() {
		kinds[c.Name] = c.Kind
	}
	if kinds["x"] != results.Number || kinds["n"] != results.Integer || kinds["shift"] != results.Text {
		t.Errorf("kinds of columns %v", kinds)
	}
	var said bytes.Buffer
	study := bowl("parts", "tpe:60")
	study.Log = log.New(&said, "", 0)
	if again, err := Run(t.Context(), study); err != nil || len(again.Records) != 60 || said.String() != "60 of 60 trials are on record in parts; 0 to train\n" {
		t.Errorf("another Run: %d records, error %v, messages %q", len(again.Records), err, said.String())
	}
}

// TestFuncOutcomes tries a function that fails in several ways.
func TestFuncOutcomes(t *testing.T) {
	isolate(t)
	var calls atomic.Int32
	study := Study{Dir: "o", Workers: 3, Objective: Func{
		Name: "moody", Seeds: "1,2", Space: []Param{Word("mood", "good", "bad", "furious", "lost", "typo")},
		Value: func(_ context.Context, t *Trial) (float64, error) {
			calls.Add(1)
			switch t.Word("mood") {
			case "bad":
				return 0, errors.New("no mood")
			case "furious":
				panic("out of here")
			case "lost":
				return math.NaN(), nil
			case "typo":
				return t.Float("moods"), nil
			}
			return 10 * float64(t.Seed()), nil
		},
	}}
	result, err := Run(t.Context(), study)
	if err != nil || calls.Load() != 10 {
		t.Fatalf("%d calls, error %v", calls.Load(), err)
	}
	var got []string
	for _, r := range result.Records {
		text := fmt.Sprint(r.Config.Params[0].Word, " ", r.Config.Seed, " ", r.State, " ", r.Error)
		if r.Val() != nil {
			text += fmt.Sprint(*r.Val())
		}
		got = append(got, text)
	}
	want := []string{"good 1 done 10", "good 2 done 20", "bad 1 failed no mood", "bad 2 failed no mood",
		"furious 1 failed panic: out of here", "furious 2 failed panic: out of here", "lost 1 diverged ", "lost 2 diverged ",
		`typo 1 failed panic: there is no parameter "moods" of this type`, `typo 2 failed panic: there is no parameter "moods" of this type`}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := Run(t.Context(), study); err != nil || calls.Load() != 16 {
		t.Errorf("the failed trials were not tried again: %d calls, error %v", calls.Load(), err)
	}
}

// TestFuncHalving stops trials of a function, with several numbers of workers. The outcome is the same.
func TestFuncHalving(t *testing.T) {
	// Nine trials reach step 2, three step 6, and one step 18.
	t.Run("halving", func(t *testing.T) {
		testFuncHalving(t, halving.Rule{Eta: 3, Min: 2}, []int{2, 2, 2, 2, 2, 2, 6, 6, 18})
	})
	// Bracket 2 has the trials 1, 3, 5, 7 and 9, bracket 1 has 2 and 6, and bracket 0 has 4 and 8.
	t.Run("hyperband", func(t *testing.T) {
		testFuncHalving(t, halving.Rule{Eta: 3, Hyperband: true, Min: 2}, []int{2, 6, 2, 18, 2, 18, 6, 18, 18})
	})
}

// testFuncHalving runs nine trials under a rule and compares the steps after which each ended.
func testFuncHalving(t *testing.T, rule halving.Rule, steps []int) {
	isolate(t)
	var digests []string
	for _, workers := range []int{1, 4} {
		dir := fmt.Sprint("o", workers)
		var mu sync.Mutex
		last := map[int]int{}
		result, err := Run(t.Context(), Study{Dir: dir, Workers: workers, Halving: &rule, Objective: Func{
			Name: "line", Steps: 18, Space: []Param{Int("a", "1..9")},
			Value: func(_ context.Context, t *Trial) (float64, error) {
				v := 0.0
				for step := 1; step <= 18; step++ {
					v = float64(step * t.Int("a"))
					goOn := t.Report(step, v)
					mu.Lock()
					last[t.Int("a")] = step
					mu.Unlock()
					if !goOn {
						return -1, errors.New("stopped")
					}
				}
				return v, nil
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range result.Records {
			a := int(r.Config.Params[0].Number)
			want, state := steps[a-1], results.Stopped
			if want == 18 {
				state = results.Done
			}
			if r.Steps != want || last[a] != want || r.State != state || *r.Val() != float64(want*a) {
				t.Errorf("%d workers, a = %d: %s after %d steps with value %v, and %d steps were made", workers, a, r.State, r.Steps, *r.Val(), last[a])
			}
		}
		digests = append(digests, results.NewTable(result.Records).Digest())
	}
	if digests[0] != digests[1] {
		t.Error("the outcome depends on the number of workers")
	}
}

func TestBadFunc(t *testing.T) {
	isolate(t)
	value := func(context.Context, *Trial) (float64, error) { return 0, nil }
	f := Func{Name: "f", Value: value}
	with := func(p ...Param) Func {
		f := f
		f.Space = p
		return f
	}
	for want, change := range map[string]func() Func{
		"the Name must be a line of text":                                                                 func() Func { f := with(Float("x", "1")); f.Name = "a\nb"; return f },
		"the Value is nil; it is the function to call":                                                    func() Func { f := with(Float("x", "1")); f.Value = nil; return f },
		"the Space has no parameters; search.Float, Int and Word make them":                               func() Func { return f },
		"the number of Steps is -1; give a number from 0 to 2147483647":                                   func() Func { f := with(Float("x", "1")); f.Steps = -1; return f },
		"parameter x occurs twice":                                                                        func() Func { return with(Float("x", "1"), Int("x", "1")) },
		"parameter val has the name of a column of the tables; give it another name":                      func() Func { return with(Float("val", "1")) },
		`parameter "a b": a name has letters, digits and underscores, and begins with a letter`:           func() Func { return with(Float("a b", "1")) },
		`parameter w: word 2 is "a", which is empty or occurs twice`:                                      func() Func { return with(Word("w", "a", "a")) },
		"parameter w has no words":                                                                        func() Func { return with(Word("w")) },
		`x "1..": a range needs two ends, a..b; write for example x 0.1..0.9:5`:                           func() Func { return with(Float("x", "1..")) },
		`x "0..1": the range needs a number of values, such as 0..1:5; write for example x 0.1..0.9:5`:    func() Func { return with(Float("x", "0..1")) },
		`x "log:-1..1": a log range must begin above 0; write for example x 0.1..0.9:5`:                   func() Func { f := with(Float("x", "log:-1..1")); f.Sample = "lhs:8"; return f },
		`n "1.5": "1.5" is not a whole number; write for example n 1..10`:                                 func() Func { return with(Int("n", "1.5")) },
		`there is no sampler "lsh" (did you mean "lhs"?); the choices are grid, random, lhs, halton, tpe`: func() Func { f := with(Int("n", "1")); f.Sample = "lsh:8"; return f },
	} {
		bad := change()
		_, err := Run(t.Context(), Study{Dir: "o", Objective: bad})
		if full := fmt.Sprintf("search: objective %q: %s", bad.Name, want); !isInput(err) || err.Error() != full {
			t.Errorf("error %v\nwant  %s", err, full)
		}
	}
	good := with(Int("n", "1"))
	if _, err := Run(t.Context(), Study{Dir: "o", Objective: good, Weights: 1}); !isInput(err) || !strings.Contains(err.Error(), "a function has none") {
		t.Errorf("weights of a function: %v", err)
	}
	if _, err := Run(t.Context(), Study{Dir: "o"}); !isInput(err) || err.Error() != "search: Study.Objective is nil; it is Nets or a Func" {
		t.Errorf("no objective: %v", err)
	}
	if _, err := os.Stat("o"); err == nil {
		t.Error("a folder was made")
	}
	if p, err := DryRun(t.Context(), Study{Dir: "o", Objective: good}); err != nil || p.Trials != 1 || len(p.Blocks) != 1 {
		t.Errorf("a dry run: %+v, error %v", p, err)
	}
}
