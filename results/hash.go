package results

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// Hash returns the SHA-256 of numbers as little-endian bytes, in hex, for [Record.Weights] and
// [Record.Losses]. All NaNs count as one value, because the choice of NaN has no meaning.
func Hash[T float32 | float64](parts ...[]T) string {
	h := sha256.New()
	var buf []byte
	for _, part := range parts {
		buf = buf[:0]
		for _, v := range part {
			if v != v {
				v = T(math.NaN())
			}
			switch v := any(v).(type) {
			case float32:
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			case float64:
				buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
			}
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}
