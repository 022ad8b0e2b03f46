package export

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"time"

	"fusegrid/results"
)

// Operations, states and directions in a journal of Optuna.
//
// Source of the format: Optuna 3.1, optuna/storages/_journal/storage.py, whose operations later versions
// still have.
const (
	createStudy      = 0
	setStudyUserAttr = 2
	createTrial      = 4

	complete = 1
	pruned   = 2
	failed   = 3

	minimize = 1
	maximize = 2
)

// optunaWriter is the name of this program in a journal of Optuna, whose writers have names.
const optunaWriter = "fusegrid"

// writeOptuna writes a journal of Optuna with one study. It maximizes the validation accuracy, or maximizes or
// minimizes the value of a function.
//
// Parameters are the hyper-parameters that differ between the trials. The others are attributes of the
// study, and the results are attributes of the trials. The values during a training are intermediate values, from
// the curve and from rungs. JSON has no NaN and no infinity, so these are left out. A stopped trial is pruned. Diverged
// and failed trials, and trials without a validation accuracy, have failed. Times are in UTC.
func writeOptuna(w io.Writer, s Source) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	direction := maximize
	if s.Table.Len() > 0 && s.Table.Record(0).Config.Minimize {
		direction = minimize
	}
	if err := out.Encode(map[string]any{
		"op_code": createStudy, "worker_id": optunaWriter, "study_name": s.Name, "directions": []int{direction},
	}); err != nil {
		return err
	}
	parameters, attributes := parametersOf(s.Table)
	attributes["format"] = Version
	for _, name := range sortedKeys(attributes) {
		if err := out.Encode(map[string]any{
			"op_code": setStudyUserAttr, "worker_id": optunaWriter, "study_id": 0,
			"user_attr": map[string]any{name: attributes[name]},
		}); err != nil {
			return err
		}
	}
	for row := range s.Table.Len() {
		if err := out.Encode(optunaTrial(s, parameters, row)); err != nil {
			return err
		}
	}
	return nil
}

// optunaTrial returns the operation that makes a finished trial.
func optunaTrial(s Source, parameters []parameter, row int) map[string]any {
	r := s.Table.Record(row)
	params, distributions := map[string]pythonFloat{}, map[string]string{}
	for i := range parameters {
		p := &parameters[i]
		if x, ok := p.value(row); ok {
			params[p.Name], distributions[p.Name] = pythonFloat(x), p.distribution
		}
	}
	end := r.Ended.UTC()
	return map[string]any{
		"op_code": createTrial, "worker_id": optunaWriter, "study_id": 0,
		"state": optunaState(r), "value": (*pythonFloat)(r.Val()), "values": nil,
		"datetime_start":    isoTime(end.Add(-time.Duration(r.Speed.BlockSeconds * float64(time.Second)))),
		"datetime_complete": isoTime(end),
		"params":            params, "distributions": distributions, "intermediate_values": intermediate(s, r),
		"user_attrs": userAttributes(s.Table, row), "system_attrs": struct{}{},
	}
}

// intermediate returns the values during a training, by the number of iterations.
func intermediate(s Source, r *results.Record) map[int]pythonFloat {
	all := map[int]pythonFloat{}
	var curves []Curve
	if s.Curves != nil {
		curves = s.Curves(r.Key)
	}
	for _, c := range curves {
		if c.Name != EpochVal && c.Name != ReportedVal {
			continue
		}
		for i, v := range c.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				all[c.Steps[i]] = pythonFloat(v)
			}
		}
	}
	for _, rung := range r.Rungs { // with all digits
		all[rung.Step] = pythonFloat(rung.Val)
	}
	return all
}

// A pythonFloat is a float64 that Python's json reads as a float.
type pythonFloat float64

// MarshalJSON returns the number with a point or an exponent.
func (f pythonFloat) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(float64(f))
	if err == nil && !bytes.ContainsAny(text, ".e") {
		text = append(text, ".0"...)
	}
	return text, err
}

// optunaValue is [valueOf] with a pythonFloat in place of a float64.
func optunaValue(c *results.Column, row int) any {
	v := valueOf(c, row)
	if x, ok := v.(float64); ok {
		return pythonFloat(x)
	}
	return v
}

// optunaState returns the state of a trial. A complete trial of Optuna has a value.
func optunaState(r *results.Record) int {
	switch {
	case r.State == results.Done && r.Val() != nil:
		return complete
	case r.State == results.Stopped:
		return pruned
	}
	return failed
}

// isoTime returns a time without its zone, because Optuna's times have none.
func isoTime(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000") }

// userAttributes returns all values of a trial other than its hyper-parameters.
func userAttributes(t *results.Table, row int) map[string]any {
	all := map[string]any{}
	columns := t.Columns()
	for i := range columns {
		if c := &columns[i]; c.Role != results.Parameter {
			if v := optunaValue(c, row); v != nil {
				all[c.Name] = v
			}
		}
	}
	return all
}

// A parameter is a hyper-parameter that differs between the trials.
type parameter struct {
	results.Column
	distribution string         // the JSON text of Optuna's distribution
	choices      map[string]int // place of each text
}

// parametersOf returns the hyper-parameters that differ, and the values of the others.
func parametersOf(t *results.Table) (differ []parameter, same map[string]any) {
	same = map[string]any{}
	for _, c := range t.Columns() {
		switch {
		case c.Role != results.Parameter || t.Len() == 0:
		case constant(&c, t.Len()):
			if v := optunaValue(&c, 0); v != nil {
				same[c.Name] = v
			}
		case c.Kind == results.Text:
			differ = append(differ, choice(c, t.Len()))
		default:
			differ = append(differ, span(c, t.Len()))
		}
	}
	return differ, same
}

// constant reports whether all rows have the same value.
func constant(c *results.Column, rows int) bool {
	first := c.Append(nil, 0)
	var b []byte
	for row := range rows {
		if b = c.Append(b[:0], row); !bytes.Equal(b, first) {
			return false
		}
	}
	return true
}

// choice returns a parameter whose values are texts. A missing text is the empty text.
func choice(c results.Column, rows int) parameter {
	p := parameter{Column: c, choices: map[string]int{}}
	for row := range rows {
		text, _ := c.Text(row)
		p.choices[text] = 0
	}
	texts := sortedKeys(p.choices)
	for i, text := range texts {
		p.choices[text] = i
	}
	p.distribution = distribution("CategoricalDistribution", map[string]any{"choices": texts})
	return p
}

// span returns a parameter whose values are numbers, between the least and the greatest that occur. Its
// scale is logarithmic if the values are positive and their ratio is 10 or more.
func span(c results.Column, rows int) parameter {
	low, high := math.Inf(1), math.Inf(-1)
	for row := range rows {
		if x, ok := c.Number(row); ok {
			low, high = min(low, x), max(high, x)
		}
	}
	log := low > 0 && high >= 10*low
	if c.Kind == results.Integer {
		return parameter{Column: c, distribution: distribution("IntDistribution", map[string]any{"low": int64(low), "high": int64(high), "log": log, "step": 1})}
	}
	return parameter{Column: c, distribution: distribution("FloatDistribution", map[string]any{"low": low, "high": high, "log": log, "step": nil})}
}

// distribution returns the JSON text of a distribution.
func distribution(name string, attributes map[string]any) string {
	text, _ := json.Marshal(map[string]any{"name": name, "attributes": attributes}) // numbers are finite
	return string(text)
}

// value returns the number that stands for the value of a trial: for a text, its place in the choices.
func (p *parameter) value(row int) (float64, bool) {
	if p.Kind == results.Text {
		text, _ := p.Text(row)
		return float64(p.choices[text]), true
	}
	return p.Number(row)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
