package nn

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// ParseSolverOptions returns the configuration for options with the course's names. Missing options
// have the course's defaults.
//
//	update_rule        string: see [Rules]
//	optim_config       map[string]any: learning_rate and the other parameters of the rule
//	lr_decay           float
//	batch_size         int
//	num_epochs         int
//	num_train_samples  int, nil for all
//	num_val_samples    int, nil for all
//	checkpoint_name    string: [SolverConfig.Checkpoint]
//	print_every        int
//	verbose            bool: lines go to log; true by default
//
// An unknown name, a value of the wrong type, or a hyper-parameter that the rule does not have is an
// error.
func ParseSolverOptions(options map[string]any, log io.Writer) (SolverConfig, error) {
	c := DefaultSolver()
	c.Log = log
	var optim map[string]any
	verbose := true
	rule := string(SGD)
	err := setOptions("solver option", options, map[string]any{
		"update_rule": &rule, "optim_config": &optim,
		"lr_decay": &c.LRDecay, "batch_size": &c.BatchSize, "num_epochs": &c.Epochs,
		"num_train_samples": (*orAll)(&c.TrainSamples), "num_val_samples": (*orAll)(&c.ValSamples),
		"checkpoint_name": &c.Checkpoint, "print_every": &c.PrintEvery, "verbose": &verbose,
	})
	if err != nil {
		return SolverConfig{}, err
	}
	if !verbose {
		c.Log = nil
	}
	if c.Optim, err = parseOptim(Rule(rule), optim); err != nil {
		return SolverConfig{}, err
	}
	return c, c.check()
}

func parseOptim(rule Rule, options map[string]any) (OptimConfig, error) {
	c := DefaultOptim(rule)
	targets := map[string]any{"learning_rate": &c.LearningRate}
	switch rule {
	case Momentum, Nesterov:
		targets["momentum"] = &c.Momentum
	case RMSProp:
		targets["decay_rate"], targets["epsilon"] = &c.DecayRate, &c.Epsilon
	case Adam:
		targets["beta1"], targets["beta2"], targets["epsilon"] = &c.Beta1, &c.Beta2, &c.Epsilon
	}
	if err := c.check(); err != nil { // an unknown rule comes before its options
		return c, err
	}
	if err := setOptions(fmt.Sprintf("option of %s in optim_config", rule), options, targets); err != nil {
		return c, err
	}
	return c, c.check()
}

// setOptions stores each value in the target of its name.
func setOptions(kind string, options, targets map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		target, ok := targets[name]
		if !ok {
			return fmt.Errorf("nn: unknown %s %q; there are: %s",
				kind, name, strings.Join(slices.Sorted(maps.Keys(targets)), ", "))
		}
		if err := setOption(target, options[name]); err != nil {
			return fmt.Errorf("nn: %s %q: %w", kind, name, err)
		}
	}
	return nil
}

// orAll is an integer option. The value nil sets it to 0, which means all samples.
type orAll int

// setOption stores value in target.
func setOption(target, value any) error {
	var ok bool
	var want string
	switch t := target.(type) {
	case *orAll:
		if value == nil {
			*t = 0
			return nil
		}
		return setOption((*int)(t), value)
	case *int:
		want = "an integer"
		*t, ok = integer(value)
	case *float64:
		want = "a number"
		if *t, ok = value.(float64); !ok {
			var n int
			n, ok = value.(int)
			*t = float64(n)
		}
	case *string:
		want = "a string"
		if rule, is := value.(Rule); is {
			value = string(rule)
		}
		*t, ok = value.(string)
	case *bool:
		want = "true or false"
		*t, ok = value.(bool)
	case *map[string]any:
		want = "a map[string]any"
		*t, ok = value.(map[string]any)
	}
	if !ok {
		return fmt.Errorf("%#v is not %s", value, want)
	}
	return nil
}

// integer returns an integer. Whole floats count as integers, because decoded JSON has only floats.
func integer(value any) (int, bool) {
	if v, ok := value.(float64); ok {
		return int(v), v == math.Trunc(v) && math.Abs(v) <= 1<<53
	}
	n, ok := value.(int)
	return n, ok
}
