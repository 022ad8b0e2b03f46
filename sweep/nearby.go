package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fusegrid/results"
)

// nearby says how many trials of the grid are not on record while there are others in their place whose
// numbers are nearly equal, and what to type for these. Such are there where a number was typed as a table shows
// it, or where ranges were rounded to six digits.
func (s *job) nearby(records map[string]results.Record) string {
	if len(records) == 0 {
		return ""
	}
	rounded := map[string]results.Config{}
	for _, r := range records {
		rounded[sixDigits(r.Config).Key()] = r.Config
	}
	axes := []struct {
		name   string
		values []float64
		of     func(c *results.Config) float64
		near   map[float64]float64 // on record, by value of the grid
	}{
		{"lr", s.grid.lr, func(c *results.Config) float64 { return c.LR }, map[float64]float64{}},
		{"reg", s.grid.reg, func(c *results.Config) float64 { return c.Reg }, map[float64]float64{}},
		{"decay", s.grid.decay, func(c *results.Config) float64 { return c.Decay }, map[float64]float64{}},
		{"std", s.grid.std, func(c *results.Config) float64 { return c.Std }, map[float64]float64{}},
		{"mu", s.grid.mu, func(c *results.Config) float64 { return c.Mu }, map[float64]float64{}},
	}
	n := 0
	for i := range s.grid.size() {
		c := s.grid.at(i, s.base)
		if _, ok := records[c.Key()]; ok {
			continue
		}
		near, ok := rounded[sixDigits(c).Key()]
		inGrid := true // then it is a trial of its own
		for _, a := range axes {
			inGrid = inGrid && slices.Contains(a.values, a.of(&near))
		}
		if !ok || inGrid {
			continue
		}
		n++
		for _, a := range axes {
			if v, w := a.of(&c), a.of(&near); v != w {
				a.near[v] = w
			}
		}
	}
	if n == 0 {
		return ""
	}
	const most = 20 // values that one may type
	var flags []string
	for _, a := range axes {
		if len(a.near) == 0 {
			continue
		}
		var list []string
		for _, v := range a.values {
			if w, ok := a.near[v]; ok {
				v = w
			}
			list = append(list, strconv.FormatFloat(v, 'g', -1, 64))
		}
		if len(list) > most {
			list = []string{"with the numbers in " + csvName}
		}
		flags = append(flags, "-"+a.name+" "+strings.Join(list, ","))
	}
	what := "1 trial is on record with numbers that differ from this grid's"
	if n > 1 {
		what = fmt.Sprintf("%d trials are on record with numbers that differ from this grid's", n)
	}
	return fmt.Sprintf("%s by less than 1e-5 of them; to have those instead, give %s", what, strings.Join(flags, " "))
}

// sixDigits returns c with its numbers rounded.
func sixDigits(c results.Config) results.Config {
	for _, v := range []*float64{&c.LR, &c.Reg, &c.Decay, &c.Std, &c.Mu} {
		*v, _ = strconv.ParseFloat(strconv.FormatFloat(*v, 'g', 6, 64), 64)
	}
	return c
}
