package results

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"math"
	"sync"

	"fusegrid/internal/floatbytes"
)

// A hasher computes hashes. It has room for what they need, because a large sweep computes many.
type hasher struct {
	hash hash.Hash
	buf  [8 << 10]byte
}

var hashers = sync.Pool{New: func() any { return &hasher{hash: sha256.New()} }}

// Hash returns the SHA-256 of numbers as little-endian bytes, in hex, for [Record.Weights] and
// [Record.Losses]. All NaNs count as one value, because the choice of NaN has no meaning.
func Hash[T float32 | float64](parts ...[]T) string {
	h := hashers.Get().(*hasher)
	defer hashers.Put(h)
	h.hash.Reset()
	const most = len(h.buf) / 8 // numbers
	for _, part := range parts {
		for len(part) > 0 {
			n := min(len(part), most)
			b := floatbytes.Append(h.buf[:0], part[:n]...)
			for i, v := range part[:n] {
				if v != v {
					floatbytes.Append(b[:i*len(b)/n], T(math.NaN())) // in its place
				}
			}
			h.hash.Write(b)
			part = part[n:]
		}
	}
	sum := h.hash.Sum(h.buf[:0])
	n := hex.Encode(h.buf[len(sum):], sum)
	return string(h.buf[len(sum):][:n])
}
