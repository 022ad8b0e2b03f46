package nn

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"unsafe"

	"github.com/google/renameio/v2/maybe"

	"fusegrid/internal/strictjson"
	"fusegrid/kernels"
)

// The checkpoint file, numbers little-endian:
//
//	magic            checkpointMagic, which has the version
//	uint32           length of the header
//	header           JSON of checkpointHeader
//	float64s         learning rate per parameter; losses; training, then validation
//	                 accuracies; best validation accuracy
//	T                per parameter: weights, state of its update rule
//	T                per parameter: best weights, if there are any
//	32 bytes         SHA-256 of all that
const checkpointMagic = "fusegrid solver checkpoint 1\n"

type checkpointHeader struct {
	Fit      checkpointFit `json:"fit"`
	Done     int64         `json:"done"`     // iterations
	Steps    []int         `json:"steps"`    // of each parameter's update rule
	Measured int64         `json:"measured"` // accuracies of each kind
	HasBest  bool          `json:"has_best"`
	Random   []byte        `json:"random"` // state of the stream
}

// checkpointFit is all that a Solver must have in common with its checkpoint.
type checkpointFit struct {
	Type         string            `json:"type"`
	Kernels      string            `json:"kernels"`
	Inputs       int               `json:"inputs per sample"`
	Train        int               `json:"training samples"`
	Val          int               `json:"validation samples"`
	BatchSize    int               `json:"batch size"`
	LRDecay      float64           `json:"learning rate decay"`
	TrainSamples int               `json:"samples for the training accuracy"`
	ValSamples   int               `json:"samples for the validation accuracy"`
	Params       []checkpointParam `json:"parameters and their update rules"`
}

type checkpointParam struct {
	Name  string
	Rows  int
	Cols  int
	Optim OptimConfig
}

// checkpoint writes the state to the configured file, all or nothing.
func (s *Solver[T]) checkpoint() error {
	if s.cfg.Checkpoint == "" {
		return nil
	}
	data, err := s.encode()
	if err == nil {
		err = maybe.WriteFile(s.cfg.Checkpoint, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("nn: solver: write checkpoint %s: %w", s.cfg.Checkpoint, err)
	}
	return nil
}

// Resume takes up the state that a Solver with the same model, data sizes, options and
// rounding of the kernels wrote to the file: weights, update-rule state, learning
// rates, random stream, history and best weights. What follows has the same bits as
// without the break. Only Epochs, Log, PrintEvery, Checkpoint and OnStep may differ. If
// the file is damaged or does not fit, the Solver and its model stay as they were.
func (s *Solver[T]) Resume(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("nn: solver: resume: %w", err)
	}
	if err := s.decode(data); err != nil {
		return fmt.Errorf("nn: solver: resume from %s: %w", file, err)
	}
	return nil
}

func (s *Solver[T]) fit() checkpointFit {
	var zero T
	f := checkpointFit{
		Type:    fmt.Sprintf("%T", zero),
		Kernels: string(s.set.Class),
		Inputs:  s.train.Dim(), Train: s.train.Len(), Val: s.val.Len(),
		BatchSize: s.cfg.BatchSize, LRDecay: s.cfg.LRDecay,
		TrainSamples: s.cfg.TrainSamples, ValSamples: s.cfg.ValSamples,
	}
	if !s.set.Stable {
		f.Kernels += ", " + s.set.Name
	}
	for _, p := range s.params {
		f.Params = append(f.Params, checkpointParam{p.Name, p.Value.Rows, p.Value.Cols, s.cfg.optim(p.Name)})
	}
	return f
}

func (s *Solver[T]) encode() ([]byte, error) {
	h := checkpointHeader{Fit: s.fit(), Done: int64(s.done), Measured: int64(len(s.hist.ValAcc)), HasBest: s.best != nil}
	rates := make([]float64, len(s.optims))
	for i, o := range s.optims {
		h.Steps = append(h.Steps, o.steps)
		rates[i] = o.lr
	}
	var err error
	if h.Random, err = s.rng.MarshalBinary(); err != nil {
		return nil, err
	}
	header, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}

	b := []byte(checkpointMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	b = append(b, header...)
	for _, v := range [][]float64{rates, s.hist.Loss, s.hist.TrainAcc, s.hist.ValAcc, {s.hist.BestValAcc}} {
		b = appendFloats(b, v)
	}
	for i, p := range s.params {
		b = appendFloats(b, p.Value.Data)
		for _, v := range s.optims[i].state {
			b = appendFloats(b, v)
		}
	}
	for _, v := range s.best {
		b = appendFloats(b, v)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// decode takes up an encoded state. Nothing changes before all of it is known to be good.
func (s *Solver[T]) decode(data []byte) error {
	body, err := checkpointBody(data)
	if err != nil {
		return err
	}
	h, body, err := s.decodeHeader(body)
	if err != nil {
		return err
	}

	// The sizes follow from this Solver and two counts, which the header's check holds below the length of the file.
	done, measured := int(h.Done), int(h.Measured)
	var zero T
	weights, state := 0, 0
	for i, p := range s.params {
		weights += len(p.Value.Data)
		state += len(p.Value.Data) * len(s.optims[i].state)
	}
	if h.HasBest {
		state += weights
	}
	float64s := int64(len(s.params)) + h.Done + 2*h.Measured + 1
	if want := 8*float64s + int64(unsafe.Sizeof(zero))*int64(weights+state); int64(len(body)) != want {
		return fmt.Errorf("the checkpoint is damaged: %d bytes of numbers, want %d", len(body), want)
	}

	if err := s.rng.UnmarshalBinary(h.Random); err != nil {
		return err
	}
	r := floatReader{body}
	for i, o := range s.optims {
		o.steps = h.Steps[i]
	}
	rates := readFloats[float64](&r, len(s.optims))
	for i, o := range s.optims {
		o.lr = rates[i]
	}
	s.done = done
	s.hist = SolverHistory{
		Loss:     readFloats[float64](&r, done),
		TrainAcc: readFloats[float64](&r, measured),
		ValAcc:   readFloats[float64](&r, measured),
	}
	s.hist.BestValAcc = readFloats[float64](&r, 1)[0]
	for i, p := range s.params {
		copy(p.Value.Data, readFloats[T](&r, len(p.Value.Data)))
		for _, v := range s.optims[i].state {
			copy(v, readFloats[T](&r, len(v)))
		}
	}
	s.best = nil
	if h.HasBest {
		for _, p := range s.params {
			s.best = append(s.best, readFloats[T](&r, len(p.Value.Data)))
		}
	}
	return nil
}

// checkpointBody checks magic and checksum and returns what lies between.
func checkpointBody(data []byte) ([]byte, error) {
	body, ok := bytes.CutPrefix(data, []byte(checkpointMagic))
	if !ok {
		return nil, errors.New("not a checkpoint of this version: it does not begin with " + fmt.Sprintf("%q", checkpointMagic))
	}
	n := len(data) - sha256.Size
	if len(body) < sha256.Size || sha256.Sum256(data[:n]) != [sha256.Size]byte(data[n:]) {
		return nil, errors.New("the checkpoint is damaged: its SHA-256 does not match; start without it")
	}
	return body[:len(body)-sha256.Size], nil
}

// decodeHeader returns the header, checked against s, and the rest.
func (s *Solver[T]) decodeHeader(body []byte) (h checkpointHeader, rest []byte, err error) {
	if len(body) < 4 {
		return h, nil, errors.New("the checkpoint is damaged: it ends in the header")
	}
	n := binary.LittleEndian.Uint32(body)
	body = body[4:]
	if uint64(n) > uint64(len(body)) {
		return h, nil, errors.New("the checkpoint is damaged: it ends in the header")
	}
	header, rest := body[:n], body[n:]
	if err := strictjson.UnmarshalKnown(header, &h); err != nil {
		return h, nil, fmt.Errorf("the checkpoint is damaged: header: %w", err)
	}
	if err := h.Fit.compare(s.fit()); err != nil {
		return h, nil, err
	}
	total := int64(s.cfg.Epochs) * int64(s.perEpoch())
	switch {
	case h.Done < 0 || h.Done > int64(len(rest)) || h.Measured < 0 || h.Measured > h.Done || len(h.Steps) != len(s.params):
		return h, nil, fmt.Errorf("the checkpoint is damaged: %d iterations, %d accuracies, %d update rules",
			h.Done, h.Measured, len(h.Steps))
	case h.Done > total:
		return h, nil, fmt.Errorf("it is after iteration %d, these options end at %d: ask for more epochs", h.Done, total)
	}
	return h, rest, nil
}

// compare names the first thing in which the checkpoint differs from the Solver's own.
func (f checkpointFit) compare(own checkpointFit) error {
	for _, v := range []struct {
		name      string
		file, own any
	}{
		{"type", f.Type, own.Type},
		{"rounding of the kernels", f.Kernels, own.Kernels},
		{"number of inputs", f.Inputs, own.Inputs},
		{"number of training samples", f.Train, own.Train},
		{"number of validation samples", f.Val, own.Val},
		{"batch size", f.BatchSize, own.BatchSize},
		{"learning rate decay", f.LRDecay, own.LRDecay},
		{"number of samples for the training accuracy", f.TrainSamples, own.TrainSamples},
		{"number of samples for the validation accuracy", f.ValSamples, own.ValSamples},
		{"number of parameters", len(f.Params), len(own.Params)},
	} {
		if v.file != v.own {
			return fmt.Errorf("its %s is %v, here it is %v", v.name, v.file, v.own)
		}
	}
	for i, p := range own.Params {
		if f.Params[i] != p {
			return fmt.Errorf("its parameter %d is %+v, here it is %+v", i, f.Params[i], p)
		}
	}
	return nil
}

func appendFloats[T kernels.Float](b []byte, v []T) []byte {
	switch v := any(v).(type) {
	case []float32:
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	case []float64:
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b
}

// A floatReader takes floats off the front of bytes that are known to be enough.
type floatReader struct{ b []byte }

func readFloats[T kernels.Float](r *floatReader, n int) []T {
	v := make([]T, n)
	switch v := any(v).(type) {
	case []float32:
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.b[4*i:]))
		}
		r.b = r.b[4*n:]
	case []float64:
		for i := range v {
			v[i] = math.Float64frombits(binary.LittleEndian.Uint64(r.b[8*i:]))
		}
		r.b = r.b[8*n:]
	}
	return v
}
