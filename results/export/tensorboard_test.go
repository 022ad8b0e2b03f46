package export

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fusegrid/results"
)

// fields returns the fields of a message of Protocol Buffers, by their numbers. Numbers are uint64, other
// values are bytes.
func fields(t *testing.T, b []byte) map[int][]any {
	t.Helper()
	all := map[int][]any{}
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatalf("no field in % x", b)
		}
		b = b[n:]
		var value any
		switch tag & 7 {
		case 0:
			value, n = binary.Uvarint(b)
		case 1:
			value, n = binary.LittleEndian.Uint64(b), 8
		case 2:
			size, m := binary.Uvarint(b)
			n = m + int(size)
			value = b[m:n]
		default:
			t.Fatalf("wire type %d", tag&7)
		}
		if n <= 0 {
			t.Fatalf("no value in % x", b)
		}
		b = b[n:]
		all[int(tag>>3)] = append(all[int(tag>>3)], value)
	}
	return all
}

// path returns the only value that a path of field numbers leads to, or nil.
func path(t *testing.T, b []byte, numbers ...int) any {
	t.Helper()
	var value any = b
	for _, n := range numbers {
		found := fields(t, value.([]byte))[n]
		if len(found) == 0 {
			return nil
		}
		value = found[0]
	}
	return value
}

func text(v any) string {
	b, _ := v.([]byte)
	return string(b)
}

// records returns the data of the records of a TFRecord file, and checks their checksums bit by bit.
func records(t *testing.T, b []byte) (all [][]byte) {
	t.Helper()
	checked := func(data []byte, sum uint32) {
		c := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		if rotated := sum - 0xa282ead8; rotated>>17|rotated<<15 != c {
			t.Fatalf("checksum %08x of % .20x", sum, data)
		}
	}
	for len(b) > 0 {
		n := binary.LittleEndian.Uint64(b)
		checked(b[:8], binary.LittleEndian.Uint32(b[8:]))
		data := b[12 : 12+n]
		checked(data, binary.LittleEndian.Uint32(b[12+n:]))
		all, b = append(all, data), b[16+n:]
	}
	return all
}

// TestChecksums checks the checksum of CRC-32C with the figure of RFC 3720, section B.4, and its mask with the
// first bytes of the event files that TensorFlow writes.
func TestChecksums(t *testing.T) {
	if got := crc32.Checksum(make([]byte, 32), castagnoli); got != 0x8a9136aa {
		t.Errorf("CRC-32C of 32 zeros is %08x", got)
	}
	length, want := []byte{24, 0, 0, 0, 0, 0, 0, 0}, []byte{0xa3, 0x7f, 0x4b, 0x22}
	if got := binary.LittleEndian.AppendUint32(nil, masked(length)); !bytes.Equal(got, want) {
		t.Errorf("the masked checksum of the length 24 is % x, want % x", got, want)
	}
}

// TestTensorBoard reads all runs again, without the code that wrote them.
func TestTensorBoard(t *testing.T) {
	table := sample(40)
	curves := func(key string) []Curve {
		if key != table.Record(3).Key {
			return nil
		}
		return []Curve{{Name: "loss", Steps: []int{1, 2, 300}, Values: []float64{2.5, 2.25, 0.125}}}
	}
	dir := exported(t, "tensorboard", Source{Table: table, Curves: curves})
	runs, err := os.ReadDir(dir)
	if err != nil || len(runs) != table.Len() {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for row, run := range runs {
		r := table.Record(row)
		if want := fmt.Sprintf("%05d-%.12s", row+1, r.Key); run.Name() != want {
			t.Errorf("run %s, want %s", run.Name(), want)
		}
		names, _ := filepath.Glob(filepath.Join(dir, run.Name(), "events.out.tfevents.*"))
		if len(names) != 1 {
			t.Fatalf("files %q", names)
		}
		b, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		checkRun(t, records(t, b), table, row)
		if has := strings.Contains(string(b), "loss\x42"); has != (row == 3) {
			t.Errorf("row %d: curve %t", row, has)
		}
	}
}

// checkRun checks the events of one trial.
func checkRun(t *testing.T, events [][]byte, table *results.Table, row int) {
	t.Helper()
	r := table.Record(row)
	if got := text(path(t, events[0], 3)); got != "brain.Event:2" {
		t.Errorf("version %q", got)
	}
	scalars := map[string]string{} // by tag: step and value
	for _, event := range events[1:] {
		if got := path(t, event, 1).(uint64); math.Float64frombits(got) != float64(r.Ended.UnixNano())/1e9 {
			t.Errorf("row %d: time %g", row, math.Float64frombits(got))
		}
		tag, plugin := text(path(t, event, 5, 1, 1)), text(path(t, event, 5, 1, 9, 1, 1))
		switch content, _ := path(t, event, 5, 1, 9, 1, 2).([]byte); {
		case plugin == "scalars":
			bits := path(t, event, 5, 1, 8, 5).([]byte)
			scalars[tag] += fmt.Sprintf("%d:%v ", path(t, event, 2), math.Float32frombits(binary.LittleEndian.Uint32(bits)))
		case tag == "_hparams_/session_start_info" && plugin == "hparams":
			if text(path(t, content, 3, 4)) != r.Key {
				t.Errorf("row %d: group %q", row, path(t, content, 3, 4))
			}
			checkHyperparameters(t, path(t, content, 3).([]byte), table, row)
		case tag == "_hparams_/session_end_info" && plugin == "hparams":
			if good := path(t, content, 4, 1).(uint64) == 1; good != (r.State == results.Done || r.State == results.Stopped) {
				t.Errorf("row %d: %s is good: %t", row, r.State, good)
			}
		default:
			t.Errorf("row %d: tag %q of plugin %q", row, tag, plugin)
		}
	}
	want := map[string]string{}
	add := func(tag string, step int, x *float64) {
		if x != nil {
			want[tag] += fmt.Sprintf("%d:%v ", step, float32(*x))
		}
	}
	for _, rung := range r.Rungs {
		add("rung_val", rung.Step, &rung.Val)
	}
	add("train", r.Step(), r.Train())
	add("val", r.Step(), r.Val())
	if row == 0 {
		add("test", r.Step(), r.Accuracy.Test)
	}
	if row == 3 {
		want["loss"] = "1:2.5 2:2.25 300:0.125 "
	}
	add("epoch_train", r.Steps, r.Accuracy.EpochTrain)
	add("epoch_val", r.Steps, r.Accuracy.EpochVal)
	add("best_val", r.Steps, r.Accuracy.BestVal)
	add("loss_first", r.Steps, r.Loss.First)
	add("loss_last", r.Steps, r.Loss.Last)
	add("loss_min", r.Steps, r.Loss.Min)
	if !maps.Equal(scalars, want) {
		t.Errorf("row %d: scalars\n%v\nwant\n%v", row, scalars, want)
	}
}

// checkHyperparameters compares the hyper-parameters in a message with the table.
func checkHyperparameters(t *testing.T, start []byte, table *results.Table, row int) {
	t.Helper()
	got := map[string]*string{}
	for _, entry := range fields(t, start)[1] {
		e := entry.([]byte)
		value := "s:" + text(path(t, e, 2, 3))
		if bits, ok := path(t, e, 2, 2).(uint64); ok {
			value = fmt.Sprintf("n:%v", math.Float64frombits(bits))
		}
		got[text(path(t, e, 1))] = &value
	}
	want := typed(t, table)[row]
	for _, c := range table.Columns() {
		w := want[c.Name]
		if c.Role != results.Parameter {
			w = nil
		} else if w != nil {
			w = new(strings.Replace(*w, "i:", "n:", 1))
		}
		if g := got[c.Name]; !same(g, w) {
			t.Errorf("row %d: %s is %s, want %s", row, c.Name, shown(g), shown(w))
		}
	}
}

// TestOtherFolders checks that no folder with other files is replaced.
func TestOtherFolders(t *testing.T) {
	f := format(t, "tensorboard")
	for _, name := range []string{"notes.txt", "weights/a.safetensors", "run[1]/notes", "run/deeper/events.out.tfevents.1"} {
		dir := t.TempDir()
		file := filepath.Join(dir, "runs", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := f.Write(t.Context(), Source{Table: sample(2)}, filepath.Join(dir, "runs")); err == nil || !strings.Contains(err.Error(), "TensorBoard; name another folder") {
			t.Errorf("%s: %v", name, err)
		}
		if got := slices.Collect(maps.Keys(tree(t, dir))); !slices.Equal(got, []string{file}) {
			t.Errorf("files %q", got)
		}
	}
}
