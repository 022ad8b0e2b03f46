package search_test

import (
	"context"
	"fmt"
	"log"
	"os"

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

	sweep, err := search.Run(context.Background(), search.Config{
		Grid:    points,
		Data:    data,
		Kernels: reference.New(), // if omitted, Run uses the best kernels of the machine
		Dir:     dir,
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
