package curve

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// keyOf returns a different key for each number.
func keyOf(n int) string { return fmt.Sprintf("%064x", n+1) }

// history returns a history of n losses with an accuracy after every tenth iteration from the first.
func history(seed uint64, n int) History {
	rng := rand.New(rand.NewPCG(seed, 1))
	var h History
	for i := range n {
		h.Loss = append(h.Loss, rng.ExpFloat64())
		if i%10 == 0 {
			h.Steps = append(h.Steps, i+1)
			h.Train, h.Val = append(h.Train, rng.Float64()), append(h.Val, rng.Float64())
		}
	}
	return h
}

// reports returns the history of a function that reports n values, after every third step.
func reports(seed uint64, n int) History {
	rng := rand.New(rand.NewPCG(seed, 2))
	h := History{Values: []float64{}}
	for i := range n {
		h.Steps, h.Values = append(h.Steps, 3*i+2), append(h.Values, rng.NormFloat64())
	}
	return h
}

func chunkOf(t testing.TB, key string, h History) []byte {
	t.Helper()
	b, err := AppendChunk(nil, key, h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fileOf returns a file with the curves of keys 0, 1, ….
func fileOf(t testing.TB, all ...History) []byte {
	b := header(Nets)
	if slices.ContainsFunc(all, func(h History) bool { return h.Values != nil }) {
		b = header(Functions)
	}
	for i, h := range all {
		b = append(b, chunkOf(t, keyOf(i), h)...)
	}
	return b
}

func must(t *testing.T, x Index, file []byte, key string) Curve {
	t.Helper()
	c, ok, err := x.Of(bytes.NewReader(file), "file", key)
	if err != nil || !ok {
		t.Fatalf("curve of %s: %t, %v", key, ok, err)
	}
	return c
}

// TestLayout compares a file with bytes that were put together by hand. The checksums are those of
// another implementation of CRC-32C.
func TestLayout(t *testing.T) {
	h := History{Loss: []float64{2.5, math.Inf(1)}, Steps: []int{1}, Train: []float64{0.25}, Val: []float64{0.5}}
	want, err := hex.DecodeString(strings.Join(strings.Fields(`
		46 47 43 55 52 56 45 53  01 00 00 00  f4 4c cd 7b
		43 52 56 31  1c 00 00 00
		00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001  86 8b c0 d4
		02 00 00 00  01 00 00 00  00 00 20 40  00 00 80 7f  01 00 00 00  00 00 80 3e  00 00 00 3f  c4 5e 1a 27`), ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := fileOf(t, h); !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
	if n := int64(len(want) - headerSize); n != Size(2, 1) {
		t.Errorf("a chunk of %d bytes, Size is %d", n, Size(2, 1))
	}
}

// TestFunctionLayout is like TestLayout for the curve of a function.
func TestFunctionLayout(t *testing.T) {
	h := History{Steps: []int{3, 7}, Values: []float64{-2.5, math.Inf(1)}}
	want, err := hex.DecodeString(strings.Join(strings.Fields(`
		46 47 43 55 52 56 45 53  02 00 00 00  cd c5 ef 19
		43 52 56 32  1c 00 00 00
		00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001  91 6f 83 d0
		02 00 00 00  03 00 00 00  07 00 00 00  00 00 00 00 00 00 04 c0  00 00 00 00 00 00 f0 7f  d5 ae 77 bb`), ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := fileOf(t, h); !bytes.Equal(got, want) {
		t.Errorf("got\n%x, want\n%x", got, want)
	}
	if n := int64(len(want) - headerSize); n != functionSize(2) {
		t.Errorf("a chunk of %d bytes, its size is %d", n, functionSize(2))
	}
}

// TestPoints checks which points of a series are kept.
func TestPoints(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1999, 2000, 2001, 2002, 3999, 4000, 100_000, math.MaxInt32} {
		kept := Kept(n)
		if kept != min(n, 2000) {
			t.Errorf("%d of %d points are kept", kept, n)
		}
		last := -1
		for i := range kept {
			at := Point(i, n)
			if at <= last || n > 2000 && math.Abs(float64(at)-float64(i)*float64(n-1)/1999) > 1 {
				t.Fatalf("point %d of %d is at %d, after %d", i, n, at, last)
			}
			last = at
		}
		if n > 0 && (Point(0, n) != 0 || last != n-1) {
			t.Errorf("of %d points, those from %d to %d are kept", n, Point(0, n), last)
		}
	}
}

// TestCurves writes curves of different lengths and reads them back. The latest curve of a key counts.
func TestCurves(t *testing.T) {
	lengths := []int{0, 1, 10, 1999, 2000, 2001, 25_000}
	var all []History
	for i, n := range lengths {
		all = append(all, history(uint64(i), n))
	}
	file := append(fileOf(t, all...), chunkOf(t, keyOf(1), history(99, 7))...)
	all[1] = history(99, 7)
	x, recovery, err := Read(bytes.NewReader(file), "file")
	if err != nil || !reflect.DeepEqual(recovery, Recovery{Version: Nets}) || len(x) != len(lengths) {
		t.Fatalf("%d curves, %+v, %v", len(x), recovery, err)
	}
	for i, h := range all {
		c := must(t, x, file, keyOf(i))
		if c.Iterations != len(h.Loss) || c.Measurements != len(h.Steps) || len(c.Loss) != min(len(h.Loss), 2000) || len(c.Val) != min(len(h.Val), 2000) {
			t.Errorf("%d losses and %d measurements: %d of %d and %d of %d", len(h.Loss), len(h.Steps), len(c.Loss), c.Iterations, len(c.Val), c.Measurements)
		}
		for k, step := range c.LossSteps {
			if c.Loss[k] != float32(h.Loss[step-1]) {
				t.Errorf("loss of iteration %d: %v, want %v", step, c.Loss[k], h.Loss[step-1])
			}
		}
		for k, step := range c.Steps {
			at := slices.Index(h.Steps, step)
			if at < 0 || c.Train[k] != float32(h.Train[at]) || c.Val[k] != float32(h.Val[at]) {
				t.Errorf("accuracies after iteration %d: %v and %v", step, c.Train[k], c.Val[k])
			}
		}
	}
	for _, key := range []string{"", "00", keyOf(100), strings.Repeat("x", 64)} {
		if c, ok, err := x.Of(bytes.NewReader(file), "file", key); ok || err != nil || x.Has(key) {
			t.Errorf("curve of %q: %+v, %v", key, c, err)
		}
	}
	if !x.Has(keyOf(1)) {
		t.Error("the index has no key 1")
	}
}

// TestFunctions writes curves of functions beside one of a net, and reads them back with all bits.
func TestFunctions(t *testing.T) {
	odd := History{Steps: []int{1, 5, math.MaxInt32}, Values: []float64{math.Inf(-1), math.Float64frombits(0x7ff8000000000abc), 0.1}}
	all := []History{reports(1, 0), reports(2, 1), reports(3, 2000), reports(4, 2001), reports(5, 30_000), history(6, 40), odd}
	file := fileOf(t, all...)
	x, recovery, err := Read(bytes.NewReader(file), "file")
	if err != nil || !reflect.DeepEqual(recovery, Recovery{Version: Functions}) || len(x) != len(all) {
		t.Fatalf("%d curves, %+v, %v", len(x), recovery, err)
	}
	for i, h := range all {
		c := must(t, x, file, keyOf(i))
		if h.Values == nil {
			if c.Values != nil || c.Iterations != 40 {
				t.Errorf("the curve of a net: %+v", c)
			}
			continue
		}
		if c.Iterations+len(c.Loss)+len(c.LossSteps)+len(c.Train)+len(c.Val) != 0 || c.Measurements != len(h.Steps) || len(c.Values) != min(len(h.Steps), MaxPoints) || len(c.Steps) != len(c.Values) {
			t.Errorf("%d values: a curve with %d values of %d", len(h.Steps), len(c.Values), c.Measurements)
		}
		for k, v := range c.Values {
			at := Point(k, len(h.Steps))
			if c.Steps[k] != h.Steps[at] || math.Float64bits(v) != math.Float64bits(h.Values[at]) {
				t.Errorf("value %d: %v after step %d, want %v after %d", k, v, c.Steps[k], h.Values[at], h.Steps[at])
			}
		}
	}
}

// TestNoCurve checks that histories that are no curves are refused.
func TestNoCurve(t *testing.T) {
	one := []float64{1}
	for _, tt := range []struct {
		key string
		h   History
	}{
		{"71", History{}},
		{strings.Repeat("g", 64), History{}},
		{keyOf(0), History{Loss: one, Steps: []int{1}, Train: one}},
		{keyOf(0), History{Loss: one, Steps: []int{0}, Train: one, Val: one}},
		{keyOf(0), History{Loss: one, Steps: []int{2}, Train: one, Val: one}},
		{keyOf(0), History{Steps: []int{1}, Train: one, Val: one}},
		{keyOf(0), History{Loss: []float64{1, 2}, Steps: []int{1, 1}, Train: []float64{1, 1}, Val: []float64{1, 1}}},
		{keyOf(0), History{Steps: []int{1}, Values: []float64{}}},
		{keyOf(0), History{Values: one}},
		{keyOf(0), History{Steps: []int{0}, Values: one}},
		{keyOf(0), History{Steps: []int{2, 2}, Values: []float64{1, 2}}},
		{keyOf(0), History{Steps: []int{1}, Values: one, Loss: one}},
		{keyOf(0), History{Steps: []int{1}, Values: one, Train: one, Val: one}},
	} {
		if b, err := AppendChunk([]byte("x"), tt.key, tt.h); err == nil || string(b) != "x" {
			t.Errorf("%s, %+v: %q, %v", tt.key, tt.h, b, err)
		}
	}
}

// TestOtherFiles checks that a newer version and other formats are refused in one line.
func TestOtherFiles(t *testing.T) {
	for _, tt := range []struct {
		file, want string
		is         error
	}{
		{string(header(3)) + "what a newer program wrote", "o/curves.bin: the curves have version 3, but this program reads versions 1 and 2; use a newer program", ErrVersion},
		{"my notes", "o/curves.bin: not a file of learning curves; move it away", ErrNotCurves},
		{strings.Repeat("my notes CRV1 ", 50_000), "o/curves.bin: not a file of learning curves; move it away", ErrNotCurves},
		{"FGCURVEZ", "o/curves.bin: not a file of learning curves; move it away", ErrNotCurves},
	} {
		_, _, err := Read(strings.NewReader(tt.file), "o/curves.bin")
		if !errors.Is(err, tt.is) || err.Error() != tt.want {
			t.Errorf("%.20q: %v, want %s", tt.file, err, tt.want)
		}
	}
	for _, version := range []int{Nets, Functions} {
		for n := range headerSize + 1 {
			want := Recovery{Cut: int64(n % headerSize)}
			if n == headerSize {
				want.Version = version
			}
			if x, recovery, err := Read(bytes.NewReader(header(version)[:n]), "file"); err != nil || len(x) > 0 || !reflect.DeepEqual(recovery, want) {
				t.Errorf("%d bytes of a header: %+v, %v", n, recovery, err)
			}
		}
	}
}

// TestTorn cuts a file at every byte. All curves before the cut must be there, and a writer must continue the file
// unless it has no header.
func TestTorn(t *testing.T) {
	all := []History{history(1, 3), history(2, 0), reports(3, 9), history(3, 25)}
	file, more := fileOf(t, all...), chunkOf(t, keyOf(9), history(4, 5))
	ends := []int{headerSize}
	for i := range all {
		ends = append(ends, len(fileOf(t, all[:i+1]...)))
	}
	for n := range len(file) + 1 {
		name := filepath.Join(t.TempDir(), "curves")
		if err := os.WriteFile(name, file[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		w, recovery, err := NewWriter(opened(t, name), name)
		if err != nil {
			t.Fatal(err)
		}
		whole, end := 0, 0
		for i, e := range ends {
			if e <= n {
				whole, end = i, e
			}
		}
		if len(w.Index) != whole || recovery.Cut != int64(n-end) || recovery.Damage != nil {
			t.Errorf("%d bytes: %d curves, %+v", n, len(w.Index), recovery)
		}
		err = w.Append(more)
		if n < headerSize {
			if got, _ := os.ReadFile(name); err == nil || !bytes.Equal(got, file[:n]) {
				t.Errorf("%d bytes: a file without a header: %v", n, err)
			}
			continue
		}
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		want := append(slices.Clone(file[:end]), more...)
		if got, _ := os.ReadFile(name); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: the file is not the whole chunks and the new one", n)
		}
		if x, recovery, err := Read(mustOpen(t, name), name); err != nil || len(x) != whole+1 || recovery.Cut != 0 || recovery.Damage != nil {
			t.Errorf("%d bytes, continued: %d curves, %+v, %v", n, len(x), recovery, err)
		}
	}
}

// TestDamage flips each bit of a file. Only the curve with this bit may be lost, and the damage must be reported.
func TestDamage(t *testing.T) {
	all := []History{history(1, 3), history(2, 0), reports(3, 2), history(3, 12), history(4, 1)}
	file := fileOf(t, all...)
	whole, _, err := Read(bytes.NewReader(file), "file")
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(file) {
		bad := slices.Clone(file)
		bad[bit/8] ^= 1 << (bit % 8)
		x, recovery, err := Read(bytes.NewReader(bad), "file")
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		lost := 0
		for i := range all {
			at := whole[Key(keyBytes(i))]
			hit := int64(bit/8) >= at.offset && int64(bit/8) < at.offset+int64(at.size)
			if hit {
				lost++
			}
			if x.Has(keyOf(i)) == hit {
				t.Errorf("bit %d: curve %d is there: %t", bit, i, !hit)
			} else if !hit && !reflect.DeepEqual(must(t, x, bad, keyOf(i)), must(t, whole, file, keyOf(i))) {
				t.Errorf("bit %d: another curve %d", bit, i)
			}
		}
		if len(x) != len(all)-lost || len(recovery.Damage) > 1 || (len(recovery.Damage) == 1) == (recovery.Cut > 0) {
			t.Errorf("bit %d: %d curves, %+v", bit, len(x), recovery)
		}
		var mended bytes.Buffer
		if err := Mend(&mended, bytes.NewReader(bad), "file", Functions, func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
		if again, recovery, err := Read(&mended, "file"); err != nil || len(again) != len(x) || !reflect.DeepEqual(recovery, Recovery{Version: Functions}) {
			t.Errorf("bit %d: mended: %d curves, %+v, %v", bit, len(again), recovery, err)
		}
	}
	// The index was made before the damage.
	at := whole[Key(keyBytes(0))].offset
	file[at+int64(headSize)] ^= 1
	want := fmt.Sprintf("file: the curve at %d: its checksum does not agree", at)
	if _, ok, err := whole.Of(bytes.NewReader(file), "file", keyOf(0)); ok || err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if s := (Damage{3, 2, "its checksum does not agree"}).String(); s != "the 2 bytes at 3 are damaged: its checksum does not agree" {
		t.Error(s)
	}
}

func keyBytes(n int) []byte {
	k, _ := hex.DecodeString(keyOf(n))
	return k
}

// TestDamageIsBounded checks that a file with many damaged parts takes no more memory than one with few.
func TestDamageIsBounded(t *testing.T) {
	file := header(Nets)
	for i := range 3 * maxDamage {
		file = append(append(file, "noise"...), chunkOf(t, keyOf(i), History{})...)
	}
	x, recovery, err := Read(bytes.NewReader(file), "file")
	if err != nil || len(x) != 3*maxDamage || len(recovery.Damage) != maxDamage || recovery.More != 2*maxDamage {
		t.Errorf("%d curves, %d and %d damaged parts, %v", len(x), len(recovery.Damage), recovery.More, err)
	}
}

// TestMend keeps some curves.
func TestMend(t *testing.T) {
	all := []History{history(1, 3), history(2, 4)}
	var b bytes.Buffer
	if err := Mend(&b, bytes.NewReader(fileOf(t, all...)), "file", Nets, func(key string) bool { return key == keyOf(0) }); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), fileOf(t, all[:1]...)) {
		t.Error("the file does not have curve 0 alone")
	}
	// A file can get a newer version, and keeps the one that it has. A file without a header gets one.
	for _, tt := range []struct {
		file          []byte
		version, want int
	}{
		{header(Nets), Nets, Nets}, {header(Nets), Functions, Functions}, {header(Functions), Nets, Functions},
		{nil, Nets, Nets}, {nil, Functions, Functions}, {header(Nets)[:9], Nets, Nets},
	} {
		var b, created bytes.Buffer
		err := Mend(&b, bytes.NewReader(tt.file), "file", tt.version, func(string) bool { return true })
		if err := errors.Join(err, Create(&created, tt.want)); err != nil || !bytes.Equal(b.Bytes(), created.Bytes()) || !bytes.Equal(b.Bytes(), header(tt.want)) {
			t.Errorf("%x as version %d: %x, %v", tt.file, tt.version, b.Bytes(), err)
		}
	}
}

// TestVersions checks that curves of functions are not appended to a file of version 1, which older programs read.
func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		version int
		h       History
		ok      bool
	}{{Nets, history(1, 3), true}, {Nets, reports(1, 3), false}, {Functions, history(1, 3), true}, {Functions, reports(1, 3), true}} {
		name := filepath.Join(t.TempDir(), "curves")
		if err := os.WriteFile(name, header(tt.version), 0o600); err != nil {
			t.Fatal(err)
		}
		w, _, err := NewWriter(opened(t, name), name)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		chunk := chunkOf(t, keyOf(0), tt.h)
		if err := w.Append(chunk); (err == nil) != tt.ok || w.Index.Has(keyOf(0)) != tt.ok {
			t.Errorf("version %d, %.4s: %v", tt.version, chunk, err)
		}
	}
}

// A brittle file fails at one write, sync or truncation.
type brittle struct {
	*os.File
	at, ops int
}

var errBrittle = errors.New("the disk is full")

func (f *brittle) fails() bool {
	f.ops++
	return f.ops == f.at
}

func (f *brittle) Write(b []byte) (int, error) {
	if f.fails() {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, errBrittle
	}
	return f.File.Write(b)
}

func (f *brittle) Sync() error {
	if f.fails() {
		return errBrittle
	}
	return nil
}

func (f *brittle) Truncate(size int64) error {
	if f.fails() {
		return errBrittle
	}
	return f.File.Truncate(size)
}

// TestFailingFile lets each operation fail in turn. What Append has written must be there, and nothing else.
func TestFailingFile(t *testing.T) {
	for at := 1; at <= 8; at++ {
		for _, then := range []int{0, 1} { // the operation after it fails, too
			name := filepath.Join(t.TempDir(), "curves")
			if err := os.WriteFile(name, header(Functions), 0o600); err != nil {
				t.Fatal(err)
			}
			f := &brittle{File: opened(t, name), at: at}
			w, _, err := NewWriter(f, name)
			if err != nil {
				t.Fatal(err)
			}
			var want []int
			for i := range 4 {
				err := w.Append(append(chunkOf(t, keyOf(i), history(1, 12)), chunkOf(t, keyOf(i+100), reports(2, 5))...))
				if err == nil {
					want = append(want, i, i+100)
				} else if !errors.Is(err, errBrittle) || !strings.HasPrefix(err.Error(), name+": cannot ") {
					t.Errorf("operation %d: %v", at, err)
				}
				if f.ops == f.at+1 && then == 1 {
					f.at = f.ops + 1
				}
			}
			w.Close()
			x, recovery, err := Read(mustOpen(t, name), name)
			if err != nil || recovery.Damage != nil || len(x) != len(want) || !reflect.DeepEqual(x, w.Index) {
				t.Errorf("operation %d: %d curves, want %d; %+v, %v", at, len(x), len(want), recovery, err)
			}
			for _, i := range want {
				if !x.Has(keyOf(i)) {
					t.Errorf("operation %d: curve %d was on disk", at, i)
				}
			}
		}
	}
}

func opened(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mustOpen(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestReadError checks that an error of the disk is not taken for the end of the file.
func TestReadError(t *testing.T) {
	file := fileOf(t, history(1, 30), reports(1, 9))
	for n := range len(file) {
		r := io.MultiReader(bytes.NewReader(file[:n]), errReader{})
		if _, _, err := Read(r, "file"); !errors.Is(err, errBrittle) || !strings.HasPrefix(err.Error(), "file: ") {
			t.Errorf("error after %d bytes: %v", n, err)
		}
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBrittle }

// FuzzRead reads any file. Every curve of the index must be readable. After mending, the same curves must be there
// without damage.
func FuzzRead(f *testing.F) {
	whole := fileOf(f, history(1, 3), history(2, 12), reports(5, 20), history(3, 2100), reports(4, 2100))
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(whole[7:])
	f.Add([]byte{})
	f.Add(header(Nets))
	f.Add([]byte("my notes CRV1"))
	f.Add(append(slices.Clone(whole), whole[headerSize:headerSize+90]...))
	f.Fuzz(func(t *testing.T, file []byte) {
		x, recovery, err := Read(bytes.NewReader(file), "file")
		if err != nil {
			if !errors.Is(err, ErrNotCurves) && !errors.Is(err, ErrVersion) || strings.Contains(err.Error(), "\n") {
				t.Fatal(err)
			}
			return
		}
		for _, d := range recovery.Damage {
			if d.Offset < 0 || d.Bytes <= 0 || d.Offset+d.Bytes > int64(len(file)) || d.Reason == "" {
				t.Fatalf("%+v", d)
			}
		}
		var b bytes.Buffer
		if err := Mend(&b, bytes.NewReader(file), "file", Functions, func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
		y, recovery, err := Read(bytes.NewReader(b.Bytes()), "file")
		if err != nil || len(y) != len(x) || !reflect.DeepEqual(recovery, Recovery{Version: Functions}) {
			t.Fatalf("mended: %d curves of %d, %+v, %v", len(y), len(x), recovery, err)
		}
		for k := range x {
			c, ok, err := x.Of(bytes.NewReader(file), "file", k.String())
			d, _, _ := y.Of(bytes.NewReader(b.Bytes()), "file", k.String())
			if err != nil || !ok || len(c.Loss) > MaxPoints || len(c.Steps) > MaxPoints || fmt.Sprint(c) != fmt.Sprint(d) {
				t.Fatalf("curve %v: %v, %v", k, ok, err)
			}
		}
	})
}
