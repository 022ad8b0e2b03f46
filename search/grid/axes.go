package grid

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"fusegrid/nn/train"
	"fusegrid/results"
)

// An Axis is a hyper-parameter that a grid varies. Its entry in the table of axes determines its
// name, its line in the help text, and its values in a grid. It also determines which trials may
// share a block, and which trials have the same initial weights.
type Axis struct {
	Name     string            // one word, which a command uses as a flag
	Help     string            // the meaning, in at most 30 columns
	Defaults map[string]string // by net: the list that is used if none is given

	// Level orders the nested loops over the axes. The axis of the highest level changes fastest.
	Level int

	// Values parses lists and sets the field of a configuration.
	Values Values

	// Applies returns the reason why the axis has no values with a setting, or nil if it has
	// values. If Applies is nil, the axis always has values.
	Applies func(s Setting) error

	// Conflicts are the reasons why trials that differ in the axis cannot share a block. If there
	// are no conflicts, nets of one block may differ in the axis.
	Conflicts []Conflict

	// Initial is true if the initial weights depend on the axis.
	Initial bool

	// Crossed is true if samplers do not draw the axis. Each of their points is trained with all
	// values of the axis.
	Crossed bool
}

// A Setting holds the lists that a user wrote. Its net and rule determine which axes apply.
type Setting struct {
	Net    string            // two-layer or fc; "" means two-layer
	Rule   string            // an update rule of package train; "" means sgd
	Given  map[string]string // lists, by the name of the axis
	Zip    []string          // names of axes whose lists are paired, value by value
	Sample Sampling          // draws points from ranges instead of combining all values
	Prefix string            // prefix of the names in messages, such as the hyphen of flags
}

func (s Setting) has(name string) bool {
	_, ok := s.Given[name]
	return ok
}

// A Conflict is a reason why trials that differ cannot share a block.
type Conflict struct {
	What string // a plural for messages about the values that differ, such as "seeds"
	Why  string

	// Ordered is true if the conflict does not exist when the minibatches have a separate seed.
	// This seed is Nets.Order of package search.
	Ordered bool

	// Part returns the part of the value that must be equal in a block. If Part is nil, the whole
	// value must be equal.
	Part func(c *results.Config) string
}

// Axes is a table of axes, in the order of the help text.
type Axes []Axis

// Standard returns the axes of a sweep. A new axis is one more entry here.
func Standard() Axes { return standard }

var standard = Axes{
	{
		Name: "lr", Help: "learning rate", Level: 7,
		Defaults: map[string]string{"two-layer": "1e-4,1e-3", "fc": "1e-3"},
		Values:   Floats{Example: "1e-4,1e-3 or log:1e-4..1e-2:5", Field: func(c *results.Config) *float64 { return &c.LR }},
	},
	{
		Name: "reg", Help: "regularization, ½·reg·Σ‖W‖²", Level: 8,
		Defaults: map[string]string{"two-layer": "0.25,0.85", "fc": "0"},
		Values:   Floats{Example: "0.25,0.85 or 0,log:1e-3..1:4", Zero: true, Field: func(c *results.Config) *float64 { return &c.Reg }},
	},
	{
		Name: "hidden", Help: "units; 100x100 is two layers", Level: 0,
		Defaults: map[string]string{"two-layer": "50", "fc": "200"},
		Values:   Layers{Max: 1 << 16, Field: func(c *results.Config) *[]int { return &c.Hidden }},
		Conflicts: []Conflict{
			{What: "depths", Why: "nets of a block have one depth", Part: func(c *results.Config) string { return fmt.Sprint(len(c.Hidden)) }},
			{What: "hidden sizes", Why: "weights and minibatches come from one stream of random numbers", Ordered: true},
		},
		Initial: true,
	},
	{
		Name: "batch", Help: "samples per minibatch", Level: 1,
		Defaults:  map[string]string{"two-layer": "200", "fc": "100"},
		Values:    Ints[int]{Min: 1, Max: 100_000, Example: "100,200", Field: func(c *results.Config) *int { return &c.Batch }},
		Conflicts: []Conflict{{What: "batch sizes", Why: "a block shares its minibatches"}},
	},
	{
		Name: "decay", Help: "learning-rate factor per epoch", Level: 4,
		Defaults: map[string]string{"two-layer": "0.95", "fc": "0.95"},
		Values: Floats{Example: "0.9,0.95", Field: func(c *results.Config) *float64 { return &c.Decay },
			Check: func(v float64) error {
				if v > 1 {
					return errors.New("the learning rate would grow with every epoch; give a factor above 0 and at most 1, such as 0.95")
				}
				return nil
			}},
	},
	{
		Name: "std", Help: "scale of the initial weights", Level: 5,
		Defaults: map[string]string{"two-layer": "1e-4", "fc": "1e-3"},
		Values:   Floats{Example: "1e-4,1e-3", Field: func(c *results.Config) *float64 { return &c.Std }},
		Initial:  true,
	},
	{
		Name: "seed", Help: "seed of the random numbers", Level: 9,
		Defaults:  map[string]string{"two-layer": "0", "fc": "0"},
		Values:    Ints[uint32]{Min: 0, Max: math.MaxUint32, Example: "0 or 1..5", Field: func(c *results.Config) *uint32 { return &c.Seed }},
		Conflicts: []Conflict{{What: "seeds", Why: "another seed draws other minibatches", Ordered: true}},
		Initial:   true, Crossed: true,
	},
	{
		Name: "iters", Help: "number of minibatches", Level: 2,
		Defaults:  map[string]string{"two-layer": "1000"},
		Values:    Ints[int]{Min: 1, Max: 100_000_000, Example: "1000,3000", Field: func(c *results.Config) *int { return &c.Iters }},
		Conflicts: []Conflict{{What: "lengths", Why: "a block ends as one"}},
		Applies: func(s Setting) error {
			switch {
			case s.has("iters") && s.has("epochs"):
				return fmt.Errorf("%[1]siters and %[1]sepochs both set the length of the training; give one of them", s.Prefix)
			case s.Net == "fc":
				return fmt.Errorf("%[1]siters is for the two-layer net; the Solver of the net fc counts %[1]sepochs", s.Prefix)
			case s.has("epochs"):
				return errUnused
			}
			return nil
		},
	},
	{
		// Epochs are iterations in another unit. The batch size must be set before, by a lower level.
		Name: "epochs", Help: "epochs, instead of -iters", Level: 3,
		Defaults:  map[string]string{"fc": "10"},
		Values:    Ints[int]{Min: 1, Max: 100_000, Example: "5,10", Field: func(c *results.Config) *int { return &c.Iters }, Unit: (*results.Config).PerEpoch},
		Conflicts: []Conflict{{What: "lengths", Why: "a block ends as one"}},
		Applies: func(s Setting) error {
			if s.Net != "fc" && !s.has("epochs") {
				return errUnused
			}
			return nil
		},
	},
	{
		Name: "mu", Help: "momentum, if the rule has it", Level: 6,
		Defaults: map[string]string{"two-layer": "0.9", "fc": "0.9"},
		Values: Floats{Example: "0.9 or 0.5,0.9,0.95", Zero: true, Field: func(c *results.Config) *float64 { return &c.Mu },
			Check: func(v float64) error {
				why := "grow without limit"
				switch {
				case v < 1:
					return nil
				case v == 1:
					why = "never decay"
				}
				return fmt.Errorf("the velocity would %s; give a number of at least 0 and below 1, such as 0.9", why)
			}},
		Applies: func(s Setting) error {
			var with []string
			for _, r := range train.Rules() {
				switch {
				case !r.HasMomentum():
				case r.String() == s.Rule:
					return nil
				default:
					with = append(with, r.String())
				}
			}
			return fmt.Errorf("%smu is for the update rules %s; the rule is %s", s.Prefix, strings.Join(with, " and "), s.Rule)
		},
	},
}

// errUnused is the reason why an axis does not apply if the user gave no list for it. Users never
// see it.
var errUnused = errors.New("unused")

// applies returns the reason why a list of an axis cannot be given, or nil.
func (a *Axis) applies(s Setting) error {
	if a.Applies == nil {
		return nil
	}
	return a.Applies(s)
}

// Default returns the list that a setting has for an axis if none is given. It reports false if the axis has no
// values with the setting.
func (x Axes) Default(name string, s Setting) (list string, ok bool) {
	for i := range x {
		if x[i].Name == name && x[i].applies(s) == nil {
			list, ok = x[i].Defaults[s.Net]
		}
	}
	return list, ok
}

// shares reports whether trials of one block may have different values of the axis.
func (a *Axis) shares(ordered bool) bool {
	return !slices.ContainsFunc(a.Conflicts, func(c Conflict) bool { return c.Part == nil && !(c.Ordered && ordered) })
}

// Common sets the axes in which the nets of a block may differ to zero values.
func (x Axes) Common(c *results.Config) {
	for i := range x {
		if x[i].shares(c.Order != nil) {
			x[i].Values.Clear(c)
		}
	}
}

// SameStart reports whether nets of one block have the same initial weights.
func (x Axes) SameStart(a, b *results.Config) bool {
	for i := range x {
		if x[i].Initial && !x[i].Values.Equal(a, b) {
			return false
		}
	}
	return true
}

// A Reason is a sentence that explains why trials cannot all share a block.
type Reason struct {
	Text    string
	Ordered bool // see [Conflict]
}

// Reasons returns the reasons why the trials cannot all share a block.
func (x Axes) Reasons(trials []Trial) []Reason {
	var all []Reason
	for i := range x {
		for _, conflict := range x[i].Conflicts {
			if len(trials) == 0 || conflict.Ordered && trials[0].Config.Order != nil {
				continue
			}
			value := conflict.Part
			if value == nil {
				value = x[i].Values.Text
			}
			different := map[string]bool{}
			for t := range trials {
				different[value(&trials[t].Config)] = true
			}
			why := Reason{fmt.Sprintf("%d %s do not fuse: %s", len(different), conflict.What, conflict.Why), conflict.Ordered}
			if len(different) > 1 && !slices.Contains(all, why) { // the axes iters and epochs have the same conflict
				all = append(all, why)
			}
		}
	}
	return all
}

// nets lists the nets that have defaults, in the order of the help text.
var nets = []string{"two-layer", "fc"}

// Help returns the lines of a help text about the axes: the name with a prefix, the meaning, and the default for each net.
func (x Axes) Help(prefix string) string {
	const form = "  %-9s %-31s %-20s %s"
	lines := []string{fmt.Sprintf(form, "", "", nets[0], nets[1])}
	lines[0] = "                                            " + strings.TrimLeft(lines[0], " ")
	for i := range x {
		a := &x[i]
		var shown []any
		for _, net := range nets {
			text, ok := a.Defaults[net]
			if !ok {
				text = "-"
				if a.applies(Setting{Net: net, Rule: "momentum", Given: map[string]string{a.Name: ""}}) != nil {
					text = "(not for " + net + ")"
				}
			}
			shown = append(shown, text)
		}
		lines = append(lines, fmt.Sprintf(form, append([]any{prefix + a.Name, a.Help}, shown...)...))
	}
	return strings.Join(lines, "\n") + "\n"
}
