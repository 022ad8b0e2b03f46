// Package floatbytes converts floating-point numbers to little-endian bytes and back.
package floatbytes

import (
	"encoding/binary"
	"math"
)

// Append appends the bytes of v to b, which it returns.
func Append[T float32 | float64](b []byte, v ...T) []byte {
	switch v := any(v).(type) {
	case []float32:
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	case []float64:
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b
}

// Decode sets the numbers of v from the first bytes of b. It panics if b is too short.
func Decode[T float32 | float64](v []T, b []byte) {
	switch v := any(v).(type) {
	case []float32:
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case []float64:
		for i := range v {
			v[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
}
