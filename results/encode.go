package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// appendRecord appends r as encoding/json writes it, without the escapes for HTML. A sweep of
// tiny nets writes each record twice, and reflection would take longer than their training.
func appendRecord(b []byte, r *Record) ([]byte, error) {
	e := encoder{b: b}
	e.open(`{"key":`)
	e.string(r.Key)
	e.raw(`,"state":`)
	e.string(string(r.State))
	e.raw(`,"config":`)
	e.config(&r.Config)
	e.raw(`,"steps":`)
	e.int(r.Steps)
	if r.Error != "" {
		e.raw(`,"error":`)
		e.string(r.Error)
	}

	e.raw(`,"accuracy":`)
	e.open(`{`)
	e.optional(`"train":`, r.Accuracy.EpochTrain)
	e.optional(`"val":`, r.Accuracy.EpochVal)
	e.optional(`"best_val":`, r.Accuracy.BestVal)
	e.optional(`"final_val":`, r.Accuracy.FinalVal)
	e.optional(`"test":`, r.Accuracy.Test)
	e.optional(`"final_train":`, r.Accuracy.FinalTrain)
	if r.Accuracy.FinalStep != 0 {
		e.name(`"final_step":`)
		e.int(r.Accuracy.FinalStep)
	}
	e.raw(`},"loss":`)
	e.open(`{`)
	e.optional(`"first":`, r.Loss.First)
	e.optional(`"last":`, r.Loss.Last)
	e.optional(`"min":`, r.Loss.Min)
	e.raw(`}`)

	if r.Race != "" {
		e.raw(`,"race":`)
		e.string(r.Race)
	}
	for i, rung := range r.Rungs {
		e.raw([]string{`,"rungs":[`, `,`}[min(i, 1)])
		e.raw(`{"step":`)
		e.int(rung.Step)
		e.raw(`,"val":`)
		e.float(rung.Val)
		e.raw(`}`)
	}
	if len(r.Rungs) > 0 {
		e.raw(`]`)
	}
	if r.Weights != "" {
		e.raw(`,"weights":`)
		e.string(r.Weights)
	}
	if r.Losses != "" {
		e.raw(`,"losses":`)
		e.string(r.Losses)
	}
	e.raw(`,"data_name":`)
	e.string(r.DataName)
	e.raw(`,"impl":`)
	e.string(r.Impl)
	e.raw(`,"speed":`)
	e.speed(&r.Speed)
	e.raw(`,"machine":`)
	e.machine(&r.Machine)
	e.raw(`,"ended":"`)
	var err error
	if e.b, err = r.Ended.AppendText(e.b); err != nil {
		return b, err
	}
	e.raw(`"}`)
	if e.err != nil {
		return b, e.err
	}
	return e.b, nil
}

// An encoder appends JSON.
type encoder struct {
	b     []byte
	first bool // whether the next optional value is the first of its object
	err   error
}

func (e *encoder) raw(s string) { e.b = append(e.b, s...) }

// open begins an object.
func (e *encoder) open(s string) {
	e.raw(s)
	e.first = true
}

// uint writes a seed: an int of 32 bits does not hold them all.
func (e *encoder) uint(v uint32) { e.b = strconv.AppendUint(e.b, uint64(v), 10) }

func (e *encoder) int(v int) { e.b = strconv.AppendInt(e.b, int64(v), 10) }

// optional appends a named value if there is one.
func (e *encoder) optional(name string, v *float64) {
	if v == nil {
		return
	}
	e.name(name)
	e.float(*v)
}

// name appends the name of a value, after a comma if it is not the first of its object.
func (e *encoder) name(name string) {
	if !e.first {
		e.raw(`,`)
	}
	e.first = false
	e.raw(name)
}

// float appends v as ES6 writes numbers: an exponent only for what is very large or small,
// and without a leading zero.
func (e *encoder) float(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		e.err = fmt.Errorf("unsupported value %g", v)
		return
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	e.b = strconv.AppendFloat(e.b, v, format, -1, 64)
	if n := len(e.b); format == 'e' && e.b[n-4] == 'e' && e.b[n-3] == '-' && e.b[n-2] == '0' {
		e.b[n-2] = e.b[n-1] // e-09 becomes e-9
		e.b = e.b[:n-1]
	}
}

func (e *encoder) string(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			_ = enc.Encode(s) // a buffer takes every string
			e.b = append(e.b, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
			return
		}
	}
	e.b = append(e.b, '"')
	e.b = append(e.b, s...)
	e.b = append(e.b, '"')
}

func (e *encoder) ints(v []int) {
	if v == nil {
		e.raw(`null`)
		return
	}
	e.raw(`[`)
	for i, n := range v {
		if i > 0 {
			e.raw(`,`)
		}
		e.int(n)
	}
	e.raw(`]`)
}

func (e *encoder) config(c *Config) {
	e.raw(`{"data":`)
	e.string(c.Data)
	e.raw(`,"split":`)
	e.ints(c.Split[:])
	e.raw(`,"pixels":`)
	e.string(c.Pixels)
	e.raw(`,"net":`)
	e.string(c.Net)
	e.raw(`,"hidden":`)
	e.ints(c.Hidden)
	e.raw(`,"lr":`)
	e.float(c.LR)
	e.raw(`,"reg":`)
	e.float(c.Reg)
	e.raw(`,"decay":`)
	e.float(c.Decay)
	e.raw(`,"std":`)
	e.float(c.Std)
	e.raw(`,"batch":`)
	e.int(c.Batch)
	e.raw(`,"iters":`)
	e.int(c.Iters)
	e.raw(`,"seed":`)
	e.uint(c.Seed)
	e.raw(`,"dtype":`)
	e.string(c.DType)
	e.raw(`,"class":`)
	e.string(c.Class)
	if c.Order != nil {
		e.raw(`,"order":`)
		e.uint(*c.Order)
	}
	if c.Rule != "" {
		e.raw(`,"rule":`)
		e.string(c.Rule)
	}
	if c.Mu != 0 {
		e.raw(`,"mu":`)
		e.float(c.Mu)
	}
	if c.Division != "" {
		e.raw(`,"division":`)
		e.string(c.Division)
	}
	e.raw(`}`)
}

func (e *encoder) speed(s *Speed) {
	e.raw(`{"seconds":`)
	e.float(s.Seconds)
	e.raw(`,"samples_per_s":`)
	e.float(s.Samples)
	e.raw(`,"iters_per_s":`)
	e.float(s.Iters)
	e.raw(`,"flop_per_s":`)
	e.float(s.FLOPs)
	if s.Peak != 0 {
		e.raw(`,"peak_flop_per_s":`)
		e.float(s.Peak)
	}
	e.raw(`,"workers":`)
	e.int(s.Workers)
	e.raw(`,"block":`)
	e.int(s.Block)
	if s.BlockSeconds != 0 {
		e.raw(`,"block_seconds":`)
		e.float(s.BlockSeconds)
	}
	if s.Cores != 0 {
		e.raw(`,"cores":`)
		e.int(s.Cores)
	}
	e.raw(`}`)
}

func (e *encoder) machine(m *Machine) {
	e.raw(`{"cpu":`)
	e.string(m.CPU)
	e.raw(`,"features":`)
	e.string(m.Features)
	e.raw(`,"cores":`)
	e.int(m.Cores)
	e.raw(`,"platform":`)
	e.string(m.Platform)
	e.raw(`,"go":`)
	e.string(m.Go)
	if m.Detail != "" {
		e.raw(`,"detail":`)
		e.string(m.Detail)
	}
	e.raw(`}`)
}
