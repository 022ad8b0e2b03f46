package sample

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"

	"fusegrid/internal/portable"
)

// A stream is a sequence of random numbers. The methods of rand.Rand are not used, because some of
// them return other numbers on 32-bit machines.
type stream struct{ src *rand.ChaCha8 }

// newStream returns the stream of a seed, a purpose and a number, such as that of a round. Different
// streams are independent.
func newStream(seed uint64, purpose string, number int) stream {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(number))
	copy(key[16:], purpose)
	return stream{rand.NewChaCha8(key)}
}

// float returns a uniform number in [0, 1) with 53 random bits.
func (s stream) float() float64 { return float64(float64(s.src.Uint64()>>11) / (1 << 53)) }

// below returns a uniform number in [0, n). It rejects the few words that would make some numbers
// more likely (Lemire, Fast Random Integer Generation in an Interval, 2019).
func (s stream) below(n int) int {
	for {
		hi, lo := bits.Mul64(s.src.Uint64(), uint64(n))
		if lo >= -uint64(n)%uint64(n) {
			return int(hi)
		}
	}
}

// perm returns a random permutation of the numbers below n.
func (s stream) perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		j := s.below(i + 1)
		p[i] = p[j]
		p[j] = i
	}
	return p
}

// normal returns a standard normal deviate by Marsaglia's polar method.
func (s stream) normal() float64 {
	for {
		x, y := float64(2*s.float())-1, float64(2*s.float())-1
		r2 := float64(x*x) + float64(y*y)
		if r2 < 1 && r2 > 0 {
			return x * math.Sqrt(-2*portable.Log(r2)/r2)
		}
	}
}
