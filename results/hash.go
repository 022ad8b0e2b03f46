package results

import (
	"crypto/sha256"
	"encoding/hex"
	"math"

	"fusegrid/internal/floatbytes"
)

// Hash returns the SHA-256 of numbers as little-endian bytes, in hex, for [Record.Weights] and
// [Record.Losses]. All NaNs count as one value, because the choice of NaN has no meaning.
func Hash[T float32 | float64](parts ...[]T) string {
	h := sha256.New()
	var numbers [1024]T
	buf := make([]byte, 0, 8*len(numbers))
	for _, part := range parts {
		for len(part) > 0 {
			n := copy(numbers[:], part)
			for i, v := range numbers[:n] {
				if v != v {
					numbers[i] = T(math.NaN())
				}
			}
			h.Write(floatbytes.Append(buf, numbers[:n]...))
			part = part[n:]
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
