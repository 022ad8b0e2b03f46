package runner

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"fusegrid/kernels"
	"fusegrid/results"
)

func ptr[T any](v T) *T { return &v }

func last(x []float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	return &x[len(x)-1]
}

func best(x []float64) *float64 {
	var b *float64
	for i := range x {
		if b == nil || x[i] > *b {
			b = &x[i]
		}
	}
	return b
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// lossOf sums up the finite losses.
func lossOf(losses []float64) results.Loss {
	var l results.Loss
	for _, v := range losses {
		if !isFinite(v) {
			continue
		}
		if l.First == nil {
			l.First = ptr(v)
		}
		if l.Min == nil || v < *l.Min {
			l.Min = ptr(v)
		}
		l.Last = ptr(v)
	}
	return l
}

// hashNumbers returns the SHA-256 of numbers as little-endian bytes, in hex. All NaNs
// count as one: which of them a kernel makes has no meaning.
func Hash[T kernels.Float](parts ...[]T) string {
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
