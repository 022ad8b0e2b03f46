package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"fusegrid/nn/safetensors"
)

func example() safetensors.File {
	return safetensors.File{
		Meta: map[string]string{"net": "two-layer", "note": "ünïcode"},
		Tensors: []safetensors.Tensor{
			safetensors.Of("W1", []float32{1, -2, float32(math.Inf(1)), 4, 5, 6}, 2, 3),
			safetensors.Of("b1", []float32{}, 0),
			safetensors.Of("W2", []float64{math.Copysign(0, -1), math.SmallestNonzeroFloat64}, 2),
			safetensors.Of("lr", []float64{1e-3}),
		},
	}
}

func encode(t testing.TB, f safetensors.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	want := example()
	got, err := safetensors.Read(encode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Meta, want.Meta) {
		t.Errorf("metadata %v, want %v", got.Meta, want.Meta)
	}
	for _, w := range want.Tensors {
		g, ok := got.Tensor(w.Name)
		if !ok || !reflect.DeepEqual(g.F32, w.F32) || !reflect.DeepEqual(g.F64, w.F64) {
			t.Errorf("tensor %s: %v, want %v", w.Name, g, w)
		}
	}
	if b := encode(t, want); binary.LittleEndian.Uint64(b)%8 != 0 {
		t.Errorf("header of %d bytes: the numbers are not aligned to 8", binary.LittleEndian.Uint64(b))
	}
}

// TestLayout compares the bytes of a file with the specification of the format.
func TestLayout(t *testing.T) {
	got := encode(t, safetensors.File{Tensors: []safetensors.Tensor{safetensors.Of("a", []float32{1}, 1)}})
	header := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	want = append(want, 0, 0, 0x80, 0x3f)
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDamageIsRefused(t *testing.T) {
	whole := encode(t, example())
	for n := range whole {
		if _, err := safetensors.Read(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(whole))
		}
	}
	if _, err := safetensors.Read(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("a byte too many was accepted")
	}
}

// TestNamesThatDifferInCase checks that names of tensors and of metadata may differ only in case.
func TestNamesThatDifferInCase(t *testing.T) {
	want := safetensors.File{
		Meta:    map[string]string{"Net": "a", "net": "b"},
		Tensors: []safetensors.Tensor{safetensors.Of("W", []float32{1}, 1), safetensors.Of("w", []float32{2}, 1)},
	}
	got, err := safetensors.Read(encode(t, want))
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestHostileHeaders(t *testing.T) {
	file := func(header string, body int) []byte {
		b := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
		return append(b, make([]byte, body)...)
	}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"overlap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8)},
		{"hole", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8)},
		{"outside", file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}`, 8)},
		{"backwards", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[8,4]}}`, 8)},
		{"wrong shape", file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8)},
		{"huge shape", file(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0)},
		{"negative", file(`{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}`, 8)},
		{"unknown type", file(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, 8)},
		{"two of a name", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 8)},
		{"two, escaped", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 8)},
		{"two types", file(`{"a":{"dtype":"F32","shape":[1],"dtype":"F64","data_offsets":[0,8]}}`, 8)},
		{"wrong case", file(`{"a":{"DType":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)},
		{"both cases", file(`{"a":{"dtype":"F32","Shape":[2],"shape":[2],"data_offsets":[0,8]}}`, 8)},
		{"unknown field", file(`{"a":{"dtype":"F32","shape":[2],"strides":[1],"data_offsets":[0,8]}}`, 8)},
		{"no shape", file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4)},
		{"null shape", file(`{"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}`, 4)},
		{"no place", file(`{"a":{"dtype":"F32","shape":[0]}}`, 0)},
		{"null place", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":null}}`, 0)},
		{"one offset", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0]}}`, 0)},
		{"three offsets", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}}`, 8)},
		{"null tensor", file(`{"a":null}`, 0)},
		{"two metadata", file(`{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"}}`, 0)},
		{"metadata key", file(`{"__metadata__":{"a":"1","a":"2"}}`, 0)},
		{"metadata null", file(`{"__metadata__":{"a":null}}`, 0)},
		{"not an object", file(`[]`, 0)},
		{"huge header", binary.LittleEndian.AppendUint64(nil, math.MaxUint64)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := safetensors.Read(c.data); err == nil {
				t.Errorf("%s was accepted", c.name)
			} else if !strings.HasPrefix(err.Error(), "safetensors: ") {
				t.Errorf("error %q does not start with the name of the package", err)
			}
		})
	}
}

type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errors.New("no space")
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	for n := range 5 {
		if err := safetensors.Write(&failing{n}, example()); err == nil {
			t.Errorf("the failure of write %d was not reported", n)
		}
	}
	for _, c := range []struct {
		name string
		file safetensors.File
	}{
		{"shape", safetensors.File{Tensors: []safetensors.Tensor{safetensors.Of("a", []float32{1}, 2)}}},
		{"twice", safetensors.File{Tensors: []safetensors.Tensor{safetensors.Of("a", []float32{1}, 1), safetensors.Of("a", []float32{1}, 1)}}},
		{"reserved", safetensors.File{Tensors: []safetensors.Tensor{safetensors.Of("__metadata__", []float32{1}, 1)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := safetensors.Write(&failing{100}, c.file); err == nil {
				t.Errorf("%s was accepted", c.name)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encode(f, example()))
	f.Add([]byte{})
	for _, header := range []string{
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}`,
		`{"a":{"dtype":"F32","DType":"F32","shape":[1],"data_offsets":[0,4]}}`,
	} {
		f.Add(append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), 0, 0, 0, 0))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := safetensors.Read(data)
		if err != nil {
			return
		}
		again, err := safetensors.Read(encode(t, *file))
		if err != nil {
			t.Fatalf("Write rejects a file that Read accepts: %v", err)
		}
		if len(again.Tensors) != len(file.Tensors) {
			t.Fatalf("%d tensors became %d", len(file.Tensors), len(again.Tensors))
		}
	})
}

// TestSeal checks that the checksum covers the metadata, names, shapes and numbers.
func TestSeal(t *testing.T) {
	f := example()
	f.Tensors = append(f.Tensors, safetensors.Of("b0", []float64{}, 0)) // shares its position with b1
	if f.HasSeal() || f.Sealed() {
		t.Error("a file without a checksum is sealed")
	}
	f.Seal()
	got, err := safetensors.Read(encode(t, f))
	if err != nil || !got.HasSeal() || !got.Sealed() {
		t.Fatalf("a sealed file is not sealed after it was written and read; error %v", err)
	}
	if got.Seal(); !reflect.DeepEqual(got.Meta, f.Meta) {
		t.Errorf("the second checksum differs: %v, want %v", got.Meta, f.Meta)
	}
	for _, c := range []struct {
		name   string
		change func(f *safetensors.File)
	}{
		{"metadata", func(f *safetensors.File) { f.Meta["note"] = "" }},
		{"more metadata", func(f *safetensors.File) { f.Meta["x"] = "" }},
		{"less metadata", func(f *safetensors.File) { delete(f.Meta, "note") }},
		{"checksum", func(f *safetensors.File) { f.Meta["sum"] = strings.ToUpper(f.Meta["sum"]) }},
		{"name", func(f *safetensors.File) { f.Tensors[0].Name = "w1" }},
		{"shape", func(f *safetensors.File) { f.Tensors[0].Shape = []int{3, 2} }},
		{"order", func(f *safetensors.File) { f.Tensors[0], f.Tensors[1] = f.Tensors[1], f.Tensors[0] }},
		{"a float32", func(f *safetensors.File) { f.Tensors[0].F32[5] = -f.Tensors[0].F32[5] }},
		{"the sign of zero", func(f *safetensors.File) { f.Tensors[1].F64[0] = 0 }},
		{"one tensor missing", func(f *safetensors.File) { f.Tensors = f.Tensors[:len(f.Tensors)-1] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := example()
			f.Tensors = []safetensors.Tensor{f.Tensors[0], f.Tensors[2], f.Tensors[3]}
			f.Seal()
			if f.Tensors[0].Name != "W1" || f.Tensors[1].Name != "W2" {
				t.Fatalf("the tensors are not sorted: %v", f.Tensors)
			}
			if c.change(&f); f.Sealed() {
				t.Error("the change was not found")
			}
		})
	}
}

// TestSealOfEarlierFiles pins the checksum that files have on disk.
func TestSealOfEarlierFiles(t *testing.T) {
	f := example()
	f.Tensors = f.Tensors[:1]
	f.Seal()
	const want = "731768d4e3a95b2601fd552aee26f9a9b8ba9d528bdfc753776a67f69a929d12"
	if got := f.Meta["sum"]; got != want {
		t.Errorf("checksum %s, want %s", got, want)
	}
}
