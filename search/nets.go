package search

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fusegrid"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/nn/train"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/grid"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// Nets is the objective of small nets, which train together as far as they share minibatches. Its value
// is the validation accuracy. Grid and Data must be set. The zero value of each other field is its default.
type Nets struct {
	Grid     *grid.Grid     // the values of the hyper-parameters, the net and the update rule
	Data     *dataset.Split // the samples; the assignment trains two-layer nets on HWC and fc nets on CHW
	Kernels  *kernels.Set   // nil means the best kernel set of the machine; fusegrid.ForType is applied to it
	DType    string         // one of Types(); "" means f32
	Division string         // the division of images into epochs, floor or true; "" means floor
	Order    *uint32        // a separate seed for the minibatches; nil if weights and minibatches share a stream
	Block    int            // the maximum number of trials in a block, which changes only the speed; 0 means as many as fit the cache
}

// Types returns the values of Nets.DType.
func Types() []string { return runner.Types() }

func (n Nets) job(workers int) (objective, error) {
	if err := cmp.Or(n.check(), n.fill()); err != nil {
		return objective{}, err
	}
	o := objective{Nets: n, base: n.base(), name: n.Data.Name, curves: curve.Nets}
	inputs, classes := len(n.Data.Mean), len(n.Data.Classes)
	o.flops = func(c results.Config) float64 { return c.FLOPs(inputs, classes) }
	o.planner = plan.Planner{Workers: workers, Width: n.Block, Inputs: inputs, Classes: classes, Bytes: 4}
	if n.DType == "f64" {
		o.planner.Bytes = 8
	}
	if err := o.checkPoints(); err != nil {
		return o, err
	}
	var err error
	o.runner, err = runner.New(n.DType, n.Kernels, n.Data)
	return o, err
}

// check returns an error for settings that do not describe a grid of nets.
func (n *Nets) check() error {
	switch {
	case n.Grid == nil:
		return errors.New("search: Nets.Grid is nil; grid.Standard().Parse makes one")
	case n.Data == nil:
		return errors.New("search: Nets.Data is nil; the DefaultSplit of a data set is one")
	case n.Data.Hash == "":
		return errors.New("search: Nets.Data has no Hash, which tells its records from those of other data; the DefaultSplit of a data set has one")
	case n.Data.Val.Len() == 0:
		return errors.New("search: Nets.Data has no validation samples, by which trials are ranked")
	case n.DType != "" && !slices.Contains(Types(), n.DType):
		return fmt.Errorf("search: Nets.DType is %q; the choices are %s", n.DType, strings.Join(Types(), ", "))
	case n.Division != "" && n.Division != "floor" && n.Division != "true":
		return fmt.Errorf("search: Nets.Division is %q; the choices are floor and true", n.Division)
	case n.Division == "true" && n.Grid.Net() == "fc":
		return errors.New("search: Nets.Division is true, which is for the two-layer net; leave it empty for the net fc")
	case n.Block < 0:
		return fmt.Errorf("search: Nets.Block is %v; give 0 or more", n.Block)
	}
	return nil
}

// fill replaces zero values by the defaults that they stand for.
func (n *Nets) fill() (err error) {
	if n.Kernels == nil {
		if n.Kernels, err = fusegrid.Best(); err != nil {
			return err
		}
	}
	n.DType, n.Block = cmp.Or(n.DType, "f32"), min(n.Block, grid.MaxPoints)
	if n.Kernels, err = fusegrid.ForType(n.Kernels, n.DType); err != nil {
		return err
	}
	if n.Order != nil { // the caller may change the variable
		order := *n.Order
		n.Order = &order
	}
	return nil
}

// base returns the fields that all points of a grid share.
func (n *Nets) base() results.Config {
	rule := n.Grid.Rule()
	if rule == train.SGD.String() {
		rule = "" // omitted, so that keys of versions without rules remain valid
	}
	division := n.Division
	if division != "true" {
		division = "" // omitted, so that keys of versions without this choice remain valid
	}
	return results.Config{
		Order: n.Order, Rule: rule, Division: division,
		Data: n.Data.Hash, Split: n.Data.Sizes(), Partition: n.Data.Partition, Norm: string(n.Data.Norm),
		Pixels: n.Data.PixelOrder(),
		Net:    n.Grid.Net(), DType: n.DType, Class: string(n.Kernels.Class),
	}
}

// checkPoints returns an error for a grid that was not parsed. Such a grid has no points, or its
// points lack a value. It also returns an error for a rule or a batch that the type does not have.
func (s *objective) checkPoints() error {
	if s.Grid.Len() == 0 {
		return errors.New("search: Nets.Grid has no points; grid.Standard().Parse makes a grid")
	}
	if c := s.Grid.Over(s.base).At(0); c.Batch < 1 || c.Iters < 1 {
		return fmt.Errorf("search: Nets.Grid has points with %d iterations of %d images; grid.Standard().Parse makes a grid with defaults", c.Iters, c.Batch)
	}
	if !s.Kernels.Class.Integers() {
		return nil
	}
	if s.Data.Train.Floats() {
		return fmt.Errorf("type %s computes first layers in integers, which take images of bytes; these samples are features in floats", s.DType)
	}
	rule, err := train.ParseRule(s.Grid.Rule())
	for i := 0; i < s.Grid.Len() && err == nil; i++ {
		err = train.CheckIntegers(rule, s.Grid.Over(s.base).At(i).Batch)
	}
	return err
}
