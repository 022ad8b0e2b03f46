// Package nprand implements the random stream of NumPy's legacy generator,
// numpy.random.RandomState. A seed gives the same numbers in the same order as np.random.seed
// followed by np.random.randn, choice, randint, random_sample and shuffle.
//
// The generator is MT19937 (Matsumoto and Nishimura, 1998). Normal deviates come in pairs from
// Marsaglia's polar method, and the second deviate of a pair is kept for the next call. Integers
// come from masked rejection.
package nprand

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"fusegrid/internal/portable"

	"gonum.org/v1/gonum/mathext/prng"
)

// A State is one random stream. It must be made by [New], because the zero State is not seeded.
// A State is not safe for concurrent use.
type State struct {
	mt       prng.MT19937
	gauss    float64 // the second deviate of the last pair, if hasGauss
	hasGauss bool
}

// New returns the stream of np.random.RandomState(seed).
func New(seed uint32) *State {
	s := new(State)
	s.Seed(seed)
	return s
}

// Seed restarts the stream and drops the kept normal deviate, as np.random.seed does.
func (s *State) Seed(seed uint32) {
	s.mt.Seed(uint64(seed))
	s.gauss, s.hasGauss = 0, false
}

// Uint32 returns the next 32-bit word of the generator.
func (s *State) Uint32() uint32 { return s.mt.Uint32() }

// RandomSample returns a uniform value in [0, 1) with 53 random bits. It consumes two words of
// the generator.
func (s *State) RandomSample() float64 {
	a := s.mt.Uint32() >> 5
	b := s.mt.Uint32() >> 6
	return (float64(float64(a)*(1<<26)) + float64(b)) / (1 << 53)
}

// Randn returns a standard normal deviate.
func (s *State) Randn() float64 {
	if s.hasGauss {
		g := s.gauss
		s.gauss, s.hasGauss = 0, false
		return g
	}
	for {
		x1 := 2*s.RandomSample() - 1
		x2 := 2*s.RandomSample() - 1
		// The conversions prevent a fused multiply-add, which would round differently.
		r2 := float64(x1*x1) + float64(x2*x2)
		if r2 >= 1 || r2 == 0 {
			continue
		}
		f := math.Sqrt(-2 * portable.Log(r2) / r2)
		s.gauss, s.hasGauss = f*x1, true
		return f * x2
	}
}

// FillRandn fills dst with the values of np.random.randn(len(dst)).
func (s *State) FillRandn(dst []float64) {
	for i := range dst {
		dst[i] = s.Randn()
	}
}

// interval returns a uniform value in [0, max]. It masks each word to the bits of max, and rejects
// words that are then above max. If max is 0, interval consumes no word.
func (s *State) interval(max uint64) uint64 {
	if max == 0 {
		return 0
	}
	mask := uint64(1)<<bits.Len64(max) - 1
	if max <= math.MaxUint32 {
		for {
			if v := uint64(s.mt.Uint32()) & mask; v <= max {
				return v
			}
		}
	}
	for {
		if v := s.mt.Uint64() & mask; v <= max {
			return v
		}
	}
}

// Randint returns a uniform value in [low, high), as np.random.randint does.
// It panics if the range is empty.
func (s *State) Randint(low, high int) int {
	if high <= low {
		panic(fmt.Sprintf("nprand: Randint(%d, %d): the range is empty", low, high))
	}
	return int(uint64(low) + s.interval(uint64(high)-uint64(low)-1))
}

// RandintSlice fills dst with the values of np.random.randint(low, high, len(dst)).
// It panics if the range is empty.
func (s *State) RandintSlice(dst []int, low, high int) {
	for i := range dst {
		dst[i] = s.Randint(low, high)
	}
}

// Intn returns a uniform value in [0, n). It panics if n <= 0.
func (s *State) Intn(n int) int { return s.Randint(0, n) }

// Choice fills dst with draws from [0, n) with replacement, as np.random.choice(n, len(dst))
// does. It panics if n <= 0.
func (s *State) Choice(dst []int, n int) {
	if n <= 0 {
		panic(fmt.Sprintf("nprand: Choice from n = %d: n must be positive", n))
	}
	for i := range dst {
		dst[i] = int(s.interval(uint64(n) - 1))
	}
}

// Permutation returns the numbers from 0 to n−1 in random order, as np.random.permutation(n) does.
func (s *State) Permutation(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	s.Shuffle(order)
	return order
}

// Shuffle reorders x as np.random.shuffle(x) does.
func (s *State) Shuffle(x []int) {
	for i := len(x) - 1; i > 0; i-- {
		j := s.interval(uint64(i))
		x[i], x[j] = x[j], x[i]
	}
}

// Layout of a saved state: magic with the version, hasGauss, gauss, 624 words and their index in
// gonum's layout, and a CRC-32 of all these bytes. Numbers are big-endian.
const (
	magic    = "nprand1\n"
	flagAt   = len(magic)
	gaussAt  = flagAt + 1
	wordsAt  = gaussAt + 8
	words    = 624
	indexAt  = wordsAt + 4*words
	crcAt    = indexAt + 4
	stateLen = crcAt + 4
)

// MarshalBinary returns the whole state, including the kept normal deviate.
func (s *State) MarshalBinary() ([]byte, error) {
	mt, err := s.mt.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("nprand: save state: %w", err)
	}
	b := make([]byte, 0, stateLen)
	b = append(b, magic...)
	if s.hasGauss {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(s.gauss))
	b = append(b, mt...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), nil
}

// UnmarshalBinary restores a state that MarshalBinary returned. If it returns an error, s is
// unchanged.
func (s *State) UnmarshalBinary(data []byte) error {
	if len(data) != stateLen {
		return fmt.Errorf("nprand: restore state: %d bytes, want %d", len(data), stateLen)
	}
	if string(data[:flagAt]) != magic {
		return fmt.Errorf("nprand: restore state: header %q, want %q", data[:flagAt], magic)
	}
	if got, want := crc32.ChecksumIEEE(data[:crcAt]), binary.BigEndian.Uint32(data[crcAt:]); got != want {
		return fmt.Errorf("nprand: restore state: the state is damaged: CRC-32 is %08x, want %08x", got, want)
	}
	flag := data[flagAt]
	gauss := math.Float64frombits(binary.BigEndian.Uint64(data[gaussAt:]))
	if flag > 1 || (flag == 0 && gauss != 0) || math.IsNaN(gauss) || math.IsInf(gauss, 0) {
		return fmt.Errorf("nprand: restore state: invalid kept deviate %v with flag %d", gauss, flag)
	}
	if i := binary.BigEndian.Uint32(data[indexAt:]); i > words {
		return fmt.Errorf("nprand: restore state: word index %d, want at most %d", i, words)
	}
	if len(bytes.Trim(data[wordsAt:indexAt], "\x00")) == 0 {
		return errors.New("nprand: restore state: all words are zero; the state was never seeded")
	}
	if err := s.mt.UnmarshalBinary(data[wordsAt:crcAt]); err != nil {
		return fmt.Errorf("nprand: restore state: %w", err)
	}
	s.gauss, s.hasGauss = gauss, flag == 1
	return nil
}
