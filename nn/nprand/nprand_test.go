package nprand

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// A golden holds values that NumPy drew.
type golden struct {
	Seed0    []float64 `json:"seed0_randn_first10"`
	Seed1    []float64 `json:"seed1_randn_first10"`
	SeedMax  []float64 `json:"seed4294967295_randn_first4"`
	Late     []float64 `json:"seed0_after_153600_randn_next3"`
	Sample   []float64 `json:"seed0_random_sample_first5"`
	Permuted []int     `json:"seed0_permutation_10"`
	Sums     []int     `json:"seed123_choice_49000_2000_sum_first_last"`
	Mixed    struct {
		Randn3  []float64 `json:"randn3"`
		Choice  []int     `json:"choice_49000_10"`
		Randn2  []float64 `json:"randn2"`
		Five    []int     `json:"choice_5_12"`
		Randint []int     `json:"randint_10_12"`
		Power   []int     `json:"choice_1024_6"`
		One     []int     `json:"choice_1_3"`
		Randn1  []float64 `json:"randn1"`
	} `json:"seed0_randn_3_then_choice"`
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/rng.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func randn(s *State, n int) []float64 {
	dst := make([]float64, n)
	s.FillRandn(dst)
	return dst
}

func choice(s *State, n, size int) []int {
	dst := make([]int, size)
	s.Choice(dst, n)
	return dst
}

func same[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s: no golden values", what)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestRandnGolden(t *testing.T) {
	g := readGolden(t)
	same(t, "seed 0", randn(New(0), 10), g.Seed0)
	same(t, "seed 1", randn(New(1), 10), g.Seed1)
	same(t, "seed 2³²−1", randn(New(math.MaxUint32), 4), g.SeedMax)
	s := New(0)
	randn(s, 153600)
	same(t, "seed 0 after 153600", randn(s, 3), g.Late)
}

// TestRandnLastBit checks deviates of seed 0 that are wrong if the logarithm has an error of one
// unit in the last place.
func TestRandnLastBit(t *testing.T) {
	d := randn(New(0), 178)
	same(t, "deviates 122, 123, 176, 177", []float64{d[122], d[123], d[176], d[177]},
		[]float64{0.298238174206056, 1.3263858966870303, -0.8034096641738411, -0.6895497777502005})
}

func TestSampleAndPermutationGolden(t *testing.T) {
	g := readGolden(t)
	s := New(0)
	sample := make([]float64, 5)
	for i := range sample {
		sample[i] = s.RandomSample()
	}
	same(t, "random_sample", sample, g.Sample)
	permuted := make([]int, 10) // as np.random.permutation does
	for i := range permuted {
		permuted[i] = i
	}
	s = New(0)
	for i := 9; i > 0; i-- {
		j := s.interval(uint64(i))
		permuted[i], permuted[j] = permuted[j], permuted[i]
	}
	same(t, "permutation", permuted, g.Permuted)
}

// TestMixedGolden draws all kinds of values from one stream. A kept deviate must survive draws of
// integers.
func TestMixedGolden(t *testing.T) {
	m := readGolden(t).Mixed
	s := New(0)
	same(t, "randn 3", randn(s, 3), m.Randn3)
	same(t, "choice 49000", choice(s, 49000, 10), m.Choice)
	same(t, "randn 2", randn(s, 2), m.Randn2)
	same(t, "choice 5", choice(s, 5, 12), m.Five)
	ints := make([]int, 12)
	s.RandintSlice(ints, 0, 10)
	same(t, "randint 10", ints, m.Randint)
	same(t, "choice 1024", choice(s, 1024, 6), m.Power)
	same(t, "choice 1", choice(s, 1, 3), m.One)
	same(t, "randn 1", randn(s, 1), m.Randn1)
}

func TestChoiceSumGolden(t *testing.T) {
	c := choice(New(123), 49000, 2000)
	sum := 0
	for _, v := range c {
		sum += v
	}
	same(t, "sum, first, last", []int{sum, c[0], c[1999]}, readGolden(t).Sums)
}

// TestRandintRanges checks ranges at the ends of 32 and 64 bits against values of NumPy.
func TestRandintRanges(t *testing.T) {
	for _, c := range []struct {
		low, high int64
		want      []int64
	}{
		{-3, 4, randintSmall},
		{0, 1 << 32, randint32},
		{0, 1<<32 + 1, randint33},
		{math.MinInt64, math.MaxInt64, randint64},
	} {
		low, high := int(c.low), int(c.high)
		if int64(low) != c.low || int64(high) != c.high {
			continue // int has 32 bits on this platform
		}
		s := New(7)
		for i, want := range c.want {
			if got := s.Randint(low, high); int64(got) != want {
				t.Errorf("randint(%d, %d), draw %d: got %d, want %d", low, high, i, got, want)
			}
		}
	}
}

func TestSeedRestarts(t *testing.T) {
	s := New(3)
	randn(s, 5) // leaves a kept deviate, which Seed must drop
	s.Seed(0)
	same(t, "after Seed", randn(s, 10), readGolden(t).Seed0)
}

func TestSaveRestore(t *testing.T) {
	for _, drawn := range []int{0, 1, 2, 3, 1000, 1001} {
		s := New(42)
		randn(s, drawn)
		saved, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		want := append(randn(s, 2000), float64(s.Intn(1000)))

		r := New(1)
		randn(r, 1) // leaves a kept deviate, which UnmarshalBinary must replace
		if err := r.UnmarshalBinary(saved); err != nil {
			t.Fatal(err)
		}
		if got := append(randn(r, 2000), float64(r.Intn(1000))); !slices.Equal(got, want) {
			t.Errorf("after %d draws: the restored stream differs", drawn)
		}
	}
}

func TestRestoreRejects(t *testing.T) {
	s := New(42)
	randn(s, 1)
	good, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	seal := func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[crcAt:], crc32.ChecksumIEEE(b[:crcAt]))
		return b
	}
	for _, c := range []struct {
		name string
		edit func(b []byte) []byte
		want string
	}{
		{"empty", func(b []byte) []byte { return nil }, "0 bytes"},
		{"short", func(b []byte) []byte { return b[:len(b)-1] }, "want 2521"},
		{"long", func(b []byte) []byte { return append(b, 0) }, "want 2521"},
		{"version", func(b []byte) []byte { b[6] = '9'; return seal(b) }, "header"},
		{"flipped bit", func(b []byte) []byte { b[100] ^= 1; return b }, "damaged"},
		{"flag", func(b []byte) []byte { b[flagAt] = 2; return seal(b) }, "flag 2"},
		{"deviate without flag", func(b []byte) []byte { b[flagAt] = 0; return seal(b) }, "flag 0"},
		{"NaN", func(b []byte) []byte {
			binary.BigEndian.PutUint64(b[gaussAt:], math.Float64bits(math.NaN()))
			return seal(b)
		}, "NaN"},
		{"index", func(b []byte) []byte { binary.BigEndian.PutUint32(b[indexAt:], 625); return seal(b) }, "index 625"},
		{"zero words", func(b []byte) []byte { clear(b[wordsAt:indexAt]); return seal(b) }, "never seeded"},
	} {
		r := New(0)
		err := r.UnmarshalBinary(c.edit(slices.Clone(good)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
		if r.Uint32() != New(0).Uint32() {
			t.Errorf("%s: a rejected state changed the stream", c.name)
		}
	}
}

func TestPanicsNameTheValue(t *testing.T) {
	for _, c := range []struct {
		want string
		call func(s *State)
	}{
		{"n = 0", func(s *State) { s.Choice(make([]int, 1), 0) }},
		{"n = -5", func(s *State) { s.Choice(nil, -5) }},
		{"Randint(3, 3)", func(s *State) { s.Randint(3, 3) }},
		{"Randint(0, -1)", func(s *State) { s.Intn(-1) }},
	} {
		func() {
			defer func() {
				if msg, _ := recover().(string); !strings.Contains(msg, c.want) {
					t.Errorf("panic %q, want one with %q", msg, c.want)
				}
			}()
			c.call(New(0))
		}()
	}
}

func BenchmarkRandn(b *testing.B) {
	s := New(0)
	for b.Loop() {
		s.Randn()
	}
}
