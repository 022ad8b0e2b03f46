package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"fusegrid/search/sample"
)

// trials is the number of trials of a study.
const trials = 64

// A problem is a space with an objective.
type problem struct {
	name     string
	space    sample.Space
	value    func(sample.Point) float64 // NaN if the trial diverged
	maximize bool
}

// problems returns the test functions and the table of trials in a file.
func problems(table string) ([]problem, error) {
	var all []problem
	for _, f := range functions() {
		p := problem{name: f.name, value: func(x sample.Point) float64 { return f.f(x) }}
		for _, d := range f.domain {
			p.space = append(p.space, sample.Float{Lo: d[0], Hi: d[1]})
		}
		all = append(all, p)
	}
	r, err := os.Open(table)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cifar, err := tableProblem(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", table, err)
	}
	return append(all, cifar), nil
}

// tableProblem returns the problem of a table of trials. A parameter is the place of a value in the
// ascending list of its values. The last column has the accuracies.
func tableProblem(r io.Reader) (problem, error) {
	rows, err := readCSV(r)
	if err != nil {
		return problem{}, err
	}
	p := problem{name: "cifar", maximize: true}
	columns := len(rows[0]) - 1
	values := make([][]float64, columns)
	points := make([]sample.Point, len(rows)-1)
	accuracies := map[string]float64{}
	for j := range columns {
		for i, row := range rows[1:] {
			v, err := strconv.ParseFloat(row[j], 64)
			if err != nil {
				return p, fmt.Errorf("row %d: %s is not a number: %q", i+1, rows[0][j], row[j])
			}
			points[i] = append(points[i], v)
			values[j] = append(values[j], v)
		}
		slices.Sort(values[j])
		values[j] = slices.Compact(values[j])
		p.space = append(p.space, sample.Int{Lo: 0, Hi: int64(len(values[j]) - 1)})
	}
	size := 1
	for i, row := range rows[1:] {
		for j, v := range points[i] {
			place, _ := slices.BinarySearch(values[j], v)
			points[i][j] = float64(place)
		}
		v := math.NaN()
		if row[columns] != "" {
			if v, err = strconv.ParseFloat(row[columns], 64); err != nil {
				return p, fmt.Errorf("row %d: %s is not a number: %q", i+1, rows[0][columns], row[columns])
			}
		}
		accuracies[fmt.Sprint(points[i])] = v
	}
	for _, vs := range values {
		size *= len(vs)
	}
	if len(accuracies) != size || len(points) != size {
		return p, fmt.Errorf("%d trials, %d of them different, want one for each of %d combinations", len(points), len(accuracies), size)
	}
	p.value = func(x sample.Point) float64 { return accuracies[fmt.Sprint(x)] }
	return p, p.space.Check()
}

// readCSV reads a header and rows. Lines that start with # are comments.
func readCSV(r io.Reader) ([][]string, error) {
	c := csv.NewReader(r)
	c.Comment = '#'
	rows, err := c.ReadAll()
	if err == nil && len(rows) < 2 {
		err = fmt.Errorf("no rows below the header")
	}
	return rows, err
}

// A sampler is named in raw results and tables.
type sampler struct {
	name string
	make func(sample.Space, uint64, int) (sample.Sampler, error)
}

func samplers() []sampler { return []sampler{{"tpe", sample.TPE}, {"random", sample.Random}} }

// best returns the best value of a study, in which a sampler proposes one point at a time.
func (p problem) best(s sample.Sampler) float64 {
	sign := -1.0
	if p.maximize {
		sign = 1
	}
	var results []sample.Result
	best := math.Inf(-1)
	for r := range s.Len() {
		for _, x := range s.Round(r, 1, results) {
			v := sign * p.value(x)
			results = append(results, sample.Result{Index: r, Point: x, Value: v})
			if v > best {
				best = v
			}
		}
	}
	return sign * best
}

// measure writes the best values of all problems, samplers and seeds as raw results.
func measure(w io.Writer, all []problem, seeds int) error {
	fmt.Fprintf(w, "# fusegrid: %d trials, one at a time\ncase,sampler,seed,value\n", trials)
	for _, p := range all {
		for _, kind := range samplers() {
			for seed := range seeds {
				s, err := kind.make(p.space, uint64(seed), trials)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(w, "%s,%s,%d,%v\n", p.name, kind.name, seed, p.best(s)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
