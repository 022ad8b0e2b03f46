package nn

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"fusegrid/internal/atomicfile"
	"fusegrid/internal/strictjson"
	"fusegrid/kernels"
	"fusegrid/nn/safetensors"
)

// Files of version 1 had another format, which started with earlierMagic.
const (
	checkpointVersion = "fusegrid solver checkpoint 2"
	earlierMagic      = "fusegrid solver checkpoint 1\n"
)

// checkpointFit holds everything that a Solver must have in common with its checkpoint.
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

// checkpoint writes the state to the configured file. If that fails, the file stays as it was.
func (s *Solver[T]) checkpoint() error {
	if s.cfg.Checkpoint == "" {
		return nil
	}
	f, err := s.encode()
	if err == nil {
		err = atomicfile.Write(s.cfg.Checkpoint, func(w io.Writer) error { return safetensors.Write(w, f) })
	}
	if err != nil {
		return fmt.Errorf("nn: solver: write checkpoint %s: %w", s.cfg.Checkpoint, err)
	}
	return nil
}

// Resume restores the state that a Solver wrote to the file: weights, state of the update rules,
// learning rates, random stream, history and best weights. Both Solvers must have the same model,
// data sizes, options and rounding of the kernels. Only Epochs, Log, PrintEvery, Checkpoint and
// OnStep may differ. The results then have the same bits as without an interruption. After an
// error, the Solver and its model are unchanged.
//
// The file is in the safetensors format. T is the type of the model, and P is the name of a
// parameter. The tensors are:
//
//	lr                    F64  (parameters)      learning rates
//	loss                  F64  (iterations)      history
//	train_acc, val_acc    F64  (measurements)    history
//	weights.P             T    (rows, columns)   the parameter
//	A.P                   T    (rows, columns)   array A of its update rule, a field of [OptimState]
//	best.P                T    (rows, columns)   best weights, if there was a measurement
//
// The metadata are:
//
//	version    "fusegrid solver checkpoint 2"
//	fit        JSON of the properties that both Solvers must have in common
//	done       iterations, which is also the number of updates of each parameter
//	stream     state of the random stream, in base64
//	sum        checksum of all other contents; see [safetensors.File.Seal]
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

// stateTensors returns tensors that refer to the weights and to the state of the update rules.
func (s *Solver[T]) stateTensors() []safetensors.Tensor {
	var all []safetensors.Tensor
	for i, p := range s.params {
		add := func(array string, data []T) {
			all = append(all, safetensors.Of(array+"."+p.Name, data, p.Value.Rows, p.Value.Cols))
		}
		add("weights", p.Value.Data)
		for k, array := range s.optims[i].cfg.Rule.arrays() {
			add(array, s.optims[i].state[k])
		}
	}
	return all
}

// encode returns the state of s. The tensors refer to the memory of s.
func (s *Solver[T]) encode() (safetensors.File, error) {
	fit, err := json.Marshal(s.fit())
	if err != nil {
		return safetensors.File{}, err
	}
	stream, err := s.rng.MarshalBinary()
	if err != nil {
		return safetensors.File{}, err
	}
	rates := make([]float64, len(s.optims))
	for i, o := range s.optims {
		rates[i] = o.lr
	}
	f := safetensors.File{
		Meta: map[string]string{
			"version": checkpointVersion,
			"fit":     string(fit),
			"done":    strconv.Itoa(s.done),
			"stream":  base64.StdEncoding.EncodeToString(stream),
		},
		Tensors: append(s.stateTensors(), safetensors.Of("lr", rates, len(rates))),
	}
	for _, v := range []struct {
		name string
		data []float64
	}{{"loss", s.hist.Loss}, {"train_acc", s.hist.TrainAcc}, {"val_acc", s.hist.ValAcc}} {
		f.Tensors = append(f.Tensors, safetensors.Of(v.name, v.data, len(v.data)))
	}
	for i, w := range s.best {
		v := s.params[i].Value
		f.Tensors = append(f.Tensors, safetensors.Of("best."+s.params[i].Name, w, v.Rows, v.Cols))
	}
	f.Seal()
	return f, nil
}

// decode restores a state from the contents of a file. After an error, s is unchanged.
func (s *Solver[T]) decode(data []byte) error {
	if bytes.HasPrefix(data, []byte(earlierMagic)) {
		return errors.New("the checkpoint has the format of an earlier version, which this version cannot read; start without it")
	}
	f, err := safetensors.Read(data)
	if err != nil {
		return fmt.Errorf("the checkpoint is damaged: %w; start without it", err)
	}
	if v := f.Meta["version"]; v != checkpointVersion {
		return fmt.Errorf("not a checkpoint of this version: its version is %q, want %q; start without it", v, checkpointVersion)
	}
	if !f.Sealed() {
		return errors.New("the checkpoint is damaged: its checksum does not agree; start without it")
	}
	return s.restore(f)
}

// restore restores a state from a file. It changes nothing until it has checked the whole file.
func (s *Solver[T]) restore(f *safetensors.File) error {
	var fit checkpointFit
	if err := strictjson.UnmarshalKnown([]byte(f.Meta["fit"]), &fit); err != nil {
		return fmt.Errorf("the checkpoint is damaged: fit: %w", err)
	}
	if err := fit.compare(s.fit()); err != nil {
		return err
	}
	done, err := strconv.Atoi(f.Meta["done"])
	if err != nil || done < 0 {
		return fmt.Errorf("the checkpoint is damaged: %q iterations, want a number from 0", f.Meta["done"])
	}
	if total := int64(s.cfg.Epochs) * int64(s.perEpoch()); int64(done) > total {
		return fmt.Errorf("the checkpoint is after iteration %d, these options end at %d; ask for more epochs", done, total)
	}
	stream, err := base64.StdEncoding.DecodeString(f.Meta["stream"])
	if err != nil {
		return fmt.Errorf("the checkpoint is damaged: stream: %w", err)
	}

	r := tensorReader{file: f}
	rates := read[float64](&r, "lr", len(s.optims))
	hist := SolverHistory{Loss: read[float64](&r, "loss", done)}
	measured := s.measurements(done)
	hist.TrainAcc, hist.ValAcc = read[float64](&r, "train_acc", measured), read[float64](&r, "val_acc", measured)
	own := s.stateTensors()
	state := make([][]T, len(own))
	for i, t := range own {
		to, _ := safetensors.Data[T](t)
		state[i] = read[T](&r, t.Name, len(to))
	}
	var best [][]T
	if measured > 0 {
		hist.BestValAcc = slices.Max(append([]float64{0}, hist.ValAcc...))
		for _, p := range s.params {
			best = append(best, read[T](&r, "best."+p.Name, len(p.Value.Data)))
		}
	}
	if err := r.end(); err != nil {
		return fmt.Errorf("the checkpoint is damaged: %w", err)
	}
	if i := slices.IndexFunc(rates, func(lr float64) bool { return !isFinite(lr) }); i >= 0 {
		return fmt.Errorf("the checkpoint is damaged: learning rate %v, want a finite number", rates[i])
	}
	if err := s.rng.UnmarshalBinary(stream); err != nil {
		return fmt.Errorf("the checkpoint is damaged: stream: %w", err)
	}

	s.done, s.hist, s.best = done, hist, best
	for i, o := range s.optims {
		o.lr, o.steps = rates[i], done
	}
	for i, t := range own {
		to, _ := safetensors.Data[T](t)
		copy(to, state[i])
	}
	return nil
}

// measurements returns the number of measurements that a Solver makes in a number of iterations.
func (s *Solver[T]) measurements(done int) int {
	n := done / s.perEpoch()
	if done > 0 && s.perEpoch() > 1 {
		n++ // after the first iteration
	}
	return n
}

// A tensorReader reads the tensors of a file one by one. It keeps the first error.
type tensorReader struct {
	file  *safetensors.File
	taken int
	err   error
}

// read returns the tensor with this name. The tensor must have n numbers of type T.
func read[T kernels.Float](r *tensorReader, name string, n int) []T {
	data, err := safetensors.Numbers[T](r.file, name, n)
	r.err = cmp.Or(r.err, err)
	r.taken++
	return data
}

// end returns the first error. A tensor that was not read is an error, too.
func (r *tensorReader) end() error {
	if n := len(r.file.Tensors); r.err == nil && n != r.taken {
		return fmt.Errorf("%d tensors, want %d", n, r.taken)
	}
	return r.err
}

// compare returns an error that names the first difference between the checkpoint and the Solver.
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
