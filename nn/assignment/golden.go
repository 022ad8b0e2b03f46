package assignment

import (
	_ "embed"
	"fmt"

	"fusegrid/internal/strictjson"
)

// The golden files hold runs of the notebooks that were recomputed with NumPy in double precision.
// They have all digits that the notebooks print.
var (
	//go:embed testdata/toy.json
	toyJSON []byte
	//go:embed testdata/fc_two_layer_check.json
	fcJSON []byte
	//go:embed testdata/two_layer_run.json
	runJSON []byte
	//go:embed testdata/two_layer_grid.json
	gridJSON []byte
	//go:embed testdata/solver_log.txt
	solverLog string
)

type toyGolden struct {
	W1     [][]float64 `json:"W1"`
	W2     [][]float64 `json:"W2"`
	X      [][]float64 `json:"X"`
	Y      []int       `json:"y"`
	Scores [][]float64 `json:"scores"`
	Loss   float64     `json:"loss"`
	Grads  struct {
		W1 [][]float64 `json:"W1"`
		B1 []float64   `json:"b1"`
		W2 [][]float64 `json:"W2"`
		B2 []float64   `json:"b2"`
	} `json:"grads"`
	Train struct {
		Loss []float64 `json:"loss_history"`
	} `json:"train"`
}

type fcGolden struct {
	Scores [][]float64 `json:"scores"`
	Loss0  float64     `json:"loss_reg0"`
	Loss1  float64     `json:"loss_reg1"`
}

type runGolden struct {
	Loss        []float64 `json:"loss_history"`
	TrainAcc    []float64 `json:"train_acc_history"`
	ValAcc      []float64 `json:"val_acc_history"`
	FinalValAcc float64   `json:"final_val_acc"`
}

type gridGolden struct {
	Points []struct {
		Reg          float64   `json:"reg"`
		LossFirst5   []float64 `json:"loss_first5"`
		LossEvery100 []float64 `json:"loss_every100"`
		TrainAcc     []float64 `json:"train_acc_history"`
		ValAcc       []float64 `json:"val_acc_history"`
		FinalValAcc  float64   `json:"final_val_acc"`
		FinalTestAcc float64   `json:"final_test_acc"`
	} `json:"points"`
}

// parse returns the contents of a golden file.
func parse[G any](data []byte) (g G) {
	if err := strictjson.Unmarshal(data, &g); err != nil {
		panic(fmt.Sprintf("assignment: golden %T: %v", g, err)) // cannot happen: the file is embedded and tested
	}
	return g
}
