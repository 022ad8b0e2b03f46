package export

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fusegrid/results"
)

// eventsPrefix begins the names of event files, by which TensorBoard finds them.
const eventsPrefix = "events.out.tfevents."

// writeTensorBoard writes a folder with one run for each trial. A run has an event file with the
// hyper-parameters of the trial, for the page HParams, and scalars. Only the hyper-parameters have all
// digits.
//
// The new folder gets its name when it is complete. If there is an older folder of runs, it is removed
// just before.
func writeTensorBoard(ctx context.Context, s Source, name string) (err error) {
	if err := onlyRuns(name); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(name), "."+filepath.Base(name))
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary) // after the renaming, it does not exist
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	columns := s.Table.Columns()
	for row := range s.Table.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := writeRun(temporary, s, columns, row); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(name); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}

// onlyRuns returns an error if a folder has anything other than runs, because it would be lost.
func onlyRuns(dir string) error {
	runs, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, run := range runs {
		name := filepath.Join(dir, run.Name())
		if !run.IsDir() {
			return fmt.Errorf("%s is not a run of TensorBoard; name another folder", name)
		}
		files, err := os.ReadDir(name)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !f.Type().IsRegular() || !strings.HasPrefix(f.Name(), eventsPrefix) {
				return fmt.Errorf("%s is not a file of TensorBoard; name another folder", filepath.Join(name, f.Name()))
			}
		}
	}
	return err
}

// writeRun writes the run of one trial.
func writeRun(dir string, s Source, columns []results.Column, row int) error {
	r := s.Table.Record(row)
	run := filepath.Join(dir, fmt.Sprintf("%05d-%.12s", s.Table.Rank(row), r.Key))
	if err := os.Mkdir(run, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(run, fmt.Sprintf("%s%d.fusegrid", eventsPrefix, r.Ended.Unix())))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	e := events{w: w, time: float64(r.Ended.UnixNano()) / 1e9}
	e.version()
	e.hyperparameters(r.Key, columns, row)
	for _, c := range scalars(s, columns, row) {
		for i, step := range c.Steps {
			e.scalar(c.Name, step, c.Values[i])
		}
	}
	e.end(r.State)
	if e.err != nil {
		return e.err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// scalars returns the accuracies and losses of a trial, as curves of at least one step.
func scalars(s Source, columns []results.Column, row int) []Curve {
	r := s.Table.Record(row)
	var all []Curve
	if s.Curves != nil {
		all = s.Curves(r.Key)
	}
	rungs := Curve{Name: "rung_val"}
	for _, rung := range r.Rungs {
		rungs.Steps, rungs.Values = append(rungs.Steps, rung.Step), append(rungs.Values, rung.Val)
	}
	all = append(all, rungs)
	for i := range columns {
		c := &columns[i]
		if c.Role != results.Outcome || c.Kind != results.Number {
			continue
		}
		if x, ok := c.Number(row); ok {
			step := r.Steps
			if slices.Contains([]string{"val", "train", "test"}, c.Name) {
				step = r.Step()
			}
			all = append(all, Curve{Name: c.Name, Steps: []int{step}, Values: []float64{x}})
		}
	}
	return all
}

// An events writes the records of an event file. Its methods do nothing after an error.
//
// Sources of the formats: TensorFlow's event.proto, summary.proto and tensor.proto, the record format
// TFRecord, and plugin_data.proto of TensorBoard's plugin for hyper-parameters.
type events struct {
	w    io.Writer
	time float64 // seconds since 1970 of all events
	err  error
}

// version writes the first event of a file.
func (e *events) version() {
	event := e.event(0)
	event.text(3, "brain.Event:2")
	e.write(event)
}

// event returns an event without contents.
func (e *events) event(step int) message {
	var m message
	m.double(1, e.time)
	m.integer(2, int64(step))
	return m
}

// value writes an event with one value of a summary: a tag, metadata of a plugin and a tensor.
func (e *events) value(tag string, step int, metadata, tensor message) {
	var value, summary message
	value.text(1, tag)
	value.message(8, tensor)
	value.message(9, metadata)
	summary.message(1, value)
	event := e.event(step)
	event.message(5, summary)
	e.write(event)
}

// Types of numbers and classes of data in TensorBoard.
const (
	float       = 1 // DT_FLOAT
	classScalar = 1
	classTensor = 2
)

// scalar writes a number. TensorBoard requires a tensor of type float32 without dimensions.
func (e *events) scalar(tag string, step int, x float64) {
	var tensor, plugin, metadata message
	tensor.integer(1, float)
	tensor.message(2, nil)
	tensor.message(5, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x))))
	plugin.text(1, "scalars")
	metadata.message(1, plugin)
	metadata.integer(4, classScalar)
	e.value(tag, step, metadata, tensor)
}

// hyperparameters writes the configuration of a trial.
func (e *events) hyperparameters(key string, columns []results.Column, row int) {
	var start message
	for i := range columns {
		v := valueOf(&columns[i], row)
		if columns[i].Role == results.Parameter && v != nil {
			var entry message
			entry.text(1, columns[i].Name)
			entry.message(2, protobufValue(v))
			start.message(1, entry)
		}
	}
	start.text(4, key)
	start.double(5, e.time)
	e.hparams("_hparams_/session_start_info", 3, start)
}

// end writes how a trial ended: 1 is success and 2 is failure.
func (e *events) end(state results.State) {
	status := int64(1)
	if state != results.Done && state != results.Stopped {
		status = 2
	}
	var end message
	end.integer(1, status)
	end.double(2, e.time)
	e.hparams("_hparams_/session_end_info", 4, end)
}

// hparams writes data of the plugin for hyper-parameters. They are in the metadata, and the tensor has no
// elements.
func (e *events) hparams(tag string, field int, contents message) {
	var data, plugin, metadata, shape, tensor message
	shape.message(2, nil) // one dimension of size 0
	tensor.integer(1, float)
	tensor.message(2, shape)
	data.message(field, contents)
	plugin.text(1, "hparams")
	plugin.message(2, data)
	metadata.message(1, plugin)
	metadata.integer(4, classTensor)
	e.value(tag, 0, metadata, tensor)
}

// protobufValue returns a google.protobuf.Value with a number or a text.
func protobufValue(v any) message {
	var m message
	switch v := v.(type) {
	case int64:
		m.double(2, float64(v))
	case float64:
		m.double(2, v)
	case string:
		m.text(3, v)
	}
	return m
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked returns the checksum of TFRecord. It is masked, because records may hold checksums.
func masked(b []byte) uint32 {
	sum := crc32.Checksum(b, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// write writes a record: the length, its checksum, the data and their checksum.
func (e *events) write(data message) {
	if e.err != nil {
		return
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, data...)
	b = binary.LittleEndian.AppendUint32(b, masked(data))
	_, e.err = e.w.Write(b)
}
