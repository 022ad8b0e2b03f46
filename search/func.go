package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

// Func is the objective of any Go function. Its trials have the journal, the stop rules, the samplers and
// the tables that nets have. Name, Space and Value must be set.
type Func struct {
	// Name names the function in records. Records of a function that has changed are wrong, so the
	// name should then change, too.
	Name string

	Space []Param // the parameters and their values
	Seeds string  // list of seeds, such as 1..3, with each of which a point is tried; "" means 0

	Sample     string // which points are tried: "" or grid for all combinations, or METHOD:N, such as tpe:64
	SampleSeed uint64 // seed of the sampler

	// Steps is the largest step for which Value reports values; 0 means 1. A stop rule compares trials
	// after some of these steps.
	Steps int

	// Minimize says that smaller values are better; by default, larger values are. It is a part of the
	// records and of the keys of trials.
	Minimize bool

	// Value returns the value of a trial. A trial whose value is NaN or infinite has diverged. A trial
	// that returns an error or panics has failed, and is tried again by the next Run. Value must return
	// soon after ctx is done, and must be safe for concurrent use.
	Value func(ctx context.Context, t *Trial) (float64, error)
}

// A Param is a parameter of a [Func] with its values.
type Param struct {
	name   string
	list   string
	values grid.Parameter
}

// Float returns a parameter of numbers. The list has the form of the command's lists, such as 0.1,0.5 or
// log:1e-4..1e-2:5. A sampler draws from a range without a number of values, such as -2..2.
func Float(name, list string) Param {
	return Param{name, list, grid.Parameter{Kind: grid.FloatParameter}}
}

// Int returns a parameter of whole numbers, such as 1..10.
func Int(name, list string) Param {
	return Param{name, list, grid.Parameter{Kind: grid.IntParameter}}
}

// Word returns a parameter that is one of the words.
func Word(name string, words ...string) Param {
	return Param{name, "", grid.Parameter{Kind: grid.WordParameter, Words: words}}
}

func (f Func) job(workers int) (objective, error) {
	if err := f.check(); err != nil {
		return objective{}, fmt.Errorf("search: objective %q: %w", f.Name, err)
	}
	points, err := f.grid()
	if err != nil {
		return objective{}, fmt.Errorf("search: objective %q: %w", f.Name, err)
	}
	o := objective{
		Nets:    Nets{Grid: points},
		base:    results.Config{Objective: f.Name, Minimize: f.Minimize, Iters: max(f.Steps, 1)},
		planner: plan.Planner{Workers: workers, Width: 1},
		flops:   func(results.Config) float64 { return 1 },
		curves:  curve.Functions,
		runner:  caller{f.Value},
	}
	for _, p := range f.Space {
		o.base.Params = append(o.base.Params, results.Param{Name: p.name, Whole: p.values.Kind == grid.IntParameter})
	}
	return o, nil
}

// check returns an error if f is not complete.
func (f *Func) check() error {
	switch {
	case f.Name == "" || strings.ContainsAny(f.Name, "\n\r"):
		return errors.New("the Name must be a line of text")
	case f.Value == nil:
		return errors.New("the Value is nil; it is the function to call")
	case f.Steps < 0 || f.Steps > math.MaxInt32:
		return fmt.Errorf("the number of Steps is %d; give a number from 0 to %d", f.Steps, math.MaxInt32)
	case len(f.Space) == 0:
		return errors.New("the Space has no parameters; search.Float, Int and Word make them")
	}
	var columns []string
	for _, c := range results.NewTable(nil).Columns() {
		if c.Role != results.Parameter {
			columns = append(columns, c.Name)
		}
	}
	columns = append(columns, "seed", "iters", "objective")
	if f.Minimize {
		columns = append(columns, "minimize")
	}
	for i, p := range f.Space {
		switch {
		case !results.ParamName.MatchString(p.name):
			return fmt.Errorf("parameter %q: a name has letters, digits and underscores, and begins with a letter", p.name)
		case slices.Contains(columns, p.name):
			return fmt.Errorf("parameter %s has the name of a column of the tables; give it another name", p.name)
		case slices.ContainsFunc(f.Space[:i], func(q Param) bool { return q.name == p.name }):
			return fmt.Errorf("parameter %s occurs twice", p.name)
		case p.values.Kind == grid.WordParameter:
			if err := p.values.CheckWords(p.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// grid returns the points of the space.
func (f *Func) grid() (*grid.Grid, error) {
	var axes grid.Axes
	set := grid.Setting{Given: map[string]string{}}
	for i, p := range f.Space {
		p.values.At = i
		axes = append(axes, grid.Axis{Name: p.name, Values: p.values, Level: i})
		set.Given[p.name] = p.list
	}
	for _, a := range grid.Standard() {
		if a.Name == "seed" {
			a.Level = len(axes)
			axes = append(axes, a)
		}
	}
	if f.Seeds != "" {
		set.Given["seed"] = f.Seeds
	}
	if f.Sample != "" {
		var err error
		if set.Sample, err = grid.ParseSampling(f.Sample); err != nil {
			return nil, err
		}
		set.Sample.Seed = f.SampleSeed
	}
	return axes.Parse(set)
}

// A Trial is one call of a [Func].
type Trial struct {
	config *results.Config
	report func(step int, value float64) bool
}

// get returns a parameter. The trial fails if there is no such parameter of that kind.
func (t *Trial) get(name string, word bool) results.Param {
	p, ok := t.config.Params.Get(name)
	if !ok || word != (p.Word != "") {
		panic(fmt.Sprintf("there is no parameter %q of this type", name))
	}
	return p
}

// Float returns the value of a parameter of numbers. It panics if there is no such parameter, so the
// trial fails.
func (t *Trial) Float(name string) float64 { return t.get(name, false).Number }

// Int returns the value of a parameter of whole numbers. It panics if there is no such parameter, or if
// its value is not a whole number.
func (t *Trial) Int(name string) int {
	v := t.get(name, false).Number
	if v != math.Trunc(v) {
		panic(fmt.Sprintf("parameter %q is %v, which is not a whole number", name, v))
	}
	return int(v)
}

// Word returns the word of a parameter. It panics if there is no such parameter.
func (t *Trial) Word(name string) string { return t.get(name, true).Word }

// Seed returns the seed of the trial, for random numbers.
func (t *Trial) Seed() uint32 { return t.config.Seed }

// Report reports the value after a step, from 1 to Func.Steps. Steps must ascend. The reported values are
// the curve of the trial. Report returns false if the trial should stop: a stop rule has stopped it, or the
// context is done. Then Value should return, and what it returns does not count. Report may wait for other
// trials.
func (t *Trial) Report(step int, value float64) (goOn bool) { return t.report(step, value) }
