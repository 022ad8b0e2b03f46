package results

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// A HeatAxis has the values of a field in ascending order, or ranges of values if there are many.
type HeatAxis struct {
	Name   string
	Labels []string // of the places 0, 1, …
	Ranges bool     // each place is a range of values, and its label is the middle

	places map[string]int // of each value, by its exact text
	value  func(b []byte, c *Config) []byte
}

const (
	mostValues = 40 // the largest number of values that have a place each
	ranges     = 24 // the number of places otherwise
)

// newHeatAxis returns the axis of a field of records.
func newHeatAxis(records []*Record, name string) HeatAxis {
	fields := fieldsOf(records)
	i := slices.IndexFunc(fields, func(f configField) bool { return f.name == name })
	if i < 0 {
		return HeatAxis{Name: name}
	}
	a := HeatAxis{Name: name, value: fields[i].value, places: map[string]int{}}
	var text []byte
	for _, r := range records {
		if text = a.value(text[:0], &r.Config); !has(a.places, text) {
			a.places[string(text)] = 0
		}
	}
	type value struct {
		text   string
		number float64
	}
	var values []value
	numbers := true
	for text := range a.places {
		x, err := strconv.ParseFloat(text, 64)
		numbers = numbers && (err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) || text == "")
		values = append(values, value{text, x})
	}
	if !numbers {
		for i := range values {
			values[i].number = 0
		}
	}
	slices.SortFunc(values, func(v, w value) int {
		return cmp.Or(cmp.Compare(min(len(v.text), 1), min(len(w.text), 1)), cmp.Compare(v.number, w.number), cmp.Compare(v.text, w.text))
	})
	if numbers && len(values) > mostValues {
		all := make([]float64, len(values))
		for i, v := range values {
			all[i] = v.number
		}
		a.divide(all)
		for i, v := range values {
			a.places[v.text] = a.rangeOf(all[i], all)
		}
		return a
	}
	var all []float64
	for i, v := range values {
		a.places[v.text] = i
		all = append(all, v.number)
	}
	digits := Digits(3, all)
	for _, v := range values {
		switch {
		case v.text == "":
			a.Labels = append(a.Labels, "none")
		case numbers:
			a.Labels = append(a.Labels, strconv.FormatFloat(v.number, 'g', digits, 64))
		default:
			a.Labels = append(a.Labels, v.text)
		}
	}
	return a
}

func has(m map[string]int, text []byte) bool {
	_, ok := m[string(text)]
	return ok
}

// place returns the place of a record.
func (a *HeatAxis) place(r *Record) int {
	var room [64]byte
	return a.places[string(a.value(room[:0], &r.Config))]
}

// logarithmic reports whether ranges of ascending values are equally wide on a logarithmic scale.
func logarithmic(values []float64) bool {
	return values[0] > 0 && values[len(values)-1] >= 10*values[0]
}

// divide labels equally wide ranges of ascending values.
func (a *HeatAxis) divide(values []float64) {
	a.Ranges = true
	low, high := values[0], values[len(values)-1]
	for i := range ranges {
		t := (float64(i) + .5) / ranges
		middle := low + float64(t*(high-low))
		if logarithmic(values) {
			middle = low * math.Pow(high/low, t)
		}
		a.Labels = append(a.Labels, strconv.FormatFloat(middle, 'g', 2, 64))
	}
}

// rangeOf returns the range of a value.
func (a *HeatAxis) rangeOf(x float64, values []float64) int {
	low, high := values[0], values[len(values)-1]
	t := (x - low) / (high - low)
	if logarithmic(values) {
		t = math.Log(x/low) / math.Log(high/low)
	}
	return max(0, min(ranges-1, int(ranges*t)))
}
