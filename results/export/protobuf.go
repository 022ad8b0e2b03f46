package export

import (
	"encoding/binary"
	"math"
)

// A message is the bytes of a message of Protocol Buffers. Its methods add fields by their numbers.
//
// Source of the format: protobuf.dev, Encoding.
type message []byte

// Wire types of fields.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
)

func (m *message) tag(field, wire int) { *m = binary.AppendUvarint(*m, uint64(field)<<3|uint64(wire)) }

func (m *message) integer(field int, n int64) {
	m.tag(field, wireVarint)
	*m = binary.AppendUvarint(*m, uint64(n))
}

func (m *message) double(field int, x float64) {
	m.tag(field, wireFixed64)
	*m = binary.LittleEndian.AppendUint64(*m, math.Float64bits(x))
}

func (m *message) text(field int, s string) { m.message(field, message(s)) }

// message adds a message, or bytes.
func (m *message) message(field int, part message) {
	m.tag(field, wireBytes)
	*m = binary.AppendUvarint(*m, uint64(len(part)))
	*m = append(*m, part...)
}
