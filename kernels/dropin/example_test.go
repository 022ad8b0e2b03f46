package dropin_test

import (
	"fmt"
	"log"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/mat"

	"fusegrid"
	"fusegrid/kernels/dropin"
)

// One line lets a gonum program use the best kernels of the machine. The table MatMul in
// results/tables/kernels.md shows the speed of such a program with and without this line.
func Example() {
	set, err := fusegrid.Best()
	if err != nil {
		log.Fatal(err)
	}
	blas64.Use(dropin.New(set))
	defer blas64.Use(gonum.Implementation{})

	a := mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6})
	b := mat.NewDense(3, 2, []float64{7, 8, 9, 10, 11, 12})
	var c mat.Dense
	c.Mul(a, b)
	fmt.Println(mat.Formatted(&c))
	// Output:
	// ⎡ 58   64⎤
	// ⎣139  154⎦
}
