package search_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/optimize/functions"

	"fusegrid/kernels/reference"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/grid"
)

// Three nets train on the synthetic images and are ranked. Another Run into the folder would find them on record.
func Example() {
	data, err := dataset.Synthetic(0).DefaultSplit(dataset.HWC)
	if err != nil {
		log.Fatal(err)
	}
	points, err := grid.Standard().Parse(grid.Setting{Given: map[string]string{
		"lr": "1e-4,1e-3,2e-3", "reg": "0", "hidden": "10", "iters": "80", "batch": "20", "std": "1e-3",
	}})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "search")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	sweep, err := search.Run(context.Background(), search.Study{
		Objective: search.Nets{Grid: points, Data: data, Kernels: reference.New()}, // by default, the best kernels of the machine
		Dir:       dir,
	})
	if err != nil {
		log.Fatal(err)
	}
	results.Rank(sweep.Records)
	for _, r := range sweep.Records {
		fmt.Printf("lr %-6g  validation accuracy %.3f\n", r.Config.LR, *r.Val())
	}

	// Output:
	// lr 0.002   validation accuracy 0.208
	// lr 0.001   validation accuracy 0.190
	// lr 0.0001  validation accuracy 0.127
}

// A Go function is the objective: which method of gonum minimizes Rosenbrock's function with the fewest
// evaluations?
func ExampleFunc() {
	dir, err := os.MkdirTemp("", "search")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	methods := map[string]optimize.Method{"bfgs": &optimize.BFGS{}, "nelder-mead": &optimize.NelderMead{}}
	evaluations := func(_ context.Context, t *search.Trial) (float64, error) {
		f := functions.ExtendedRosenbrock{}
		start := []float64{t.Float("x"), t.Float("y")}
		r, err := optimize.Minimize(optimize.Problem{Func: f.Func, Grad: f.Grad}, start, nil, methods[t.Word("method")])
		if err != nil {
			return 0, err
		}
		return float64(r.FuncEvaluations), nil
	}
	result, err := search.Run(context.Background(), search.Study{Dir: dir, Workers: 1, Objective: search.Func{
		Name:     "evaluations",
		Space:    []search.Param{search.Word("method", "bfgs", "nelder-mead"), search.Float("x", "-1.2,2"), search.Float("y", "1")},
		Minimize: true, Value: evaluations,
	}})
	if err != nil {
		log.Fatal(err)
	}
	best, _ := result.Table.Best()
	method, _ := best.Config.Params.Get("method")
	fmt.Printf("%d trials, the best with method %s\n", len(result.Records), method.Word)

	// Output:
	// 4 trials, the best with method bfgs
}
