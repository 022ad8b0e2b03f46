// Package curve keeps the learning curves of trials in a file beside their journal.
//
// The file is only appended to. It has a header and then chunks, one for each curve. If two chunks have
// the same key, the later chunk counts. All numbers are little-endian, float means float32, and double
// means float64. The header has 16 bytes:
//
//	 0   8  magic      "FGCURVES"
//	 8   4  uint32     version: 1, or 2 if the file may have curves of functions
//	12   4  uint32     CRC-32C of the 12 bytes before
//
// The chunk of a net has 56 bytes and its numbers. With L = min(n, 2000) and M = min(m, 2000), it is
//
//	 0   4  marker     "CRV1"
//	 4   4  uint32     size of the data, 8 + 4·L + 12·M
//	 8  32  bytes      key of the trial, a SHA-256
//	40   4  uint32     CRC-32C of the 40 bytes before
//	44   4  uint32     n, the number of iterations that have a loss
//	48   4  uint32     m, the number of measurements of the accuracies
//	52 4·L  floats     losses
//	   4·M  uint32s    iterations after which the accuracies were measured, from 1, ascending
//	   4·M  floats     accuracies on training images
//	   4·M  floats     accuracies on the validation set
//	     4  uint32     CRC-32C of the whole chunk before
//
// The chunk of a function begins with the same 44 bytes, except that the marker is "CRV2" and the size
// is 4 + 12·M. Then follow
//
//	44   4  uint32     m, the number of values that the function reported
//	48 4·M  uint32s    steps after which they were reported, from 1, ascending
//	   8·M  doubles    values
//	     4  uint32     CRC-32C of the whole chunk before
//
// A series of n points is kept whole if n ≤ 2000. Otherwise, 2,000 of its points are kept. Point i of
// these, from 0, is point ⌊i·(n−1)/1999⌋ of the series, so the first and the last point are kept.
// The points of the losses are the iterations.
package curve

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"fusegrid/internal/floatbytes"
)

// MaxPoints is the maximum number of points of a series that are kept.
const MaxPoints = 2000

// A History is the whole history of a trial. For a net, Train and Val have one accuracy for each of
// Steps. For a function, Values has one value for each of Steps, and there are no losses and accuracies.
type History struct {
	Loss       []float64 // of iterations 1, 2, …, each before the update of its iteration
	Steps      []int     // iterations after which the accuracies were measured, or steps of Values, ascending
	Train, Val []float64 // from 0 to 1
	Values     []float64 // what a function reported; nil for a net
}

// A Curve is the kept part of a History. Iterations are counted from 1. Losses that exceed float32 are
// infinite.
type Curve struct {
	Iterations   int       // number of iterations that have a loss; 0 for a function
	Measurements int       // number of Steps of the History
	LossSteps    []int     // iterations of Loss
	Loss         []float32 // at most MaxPoints
	Steps        []int     // as in the History, at most MaxPoints
	Train, Val   []float32 // one for each of Steps; empty for a function
	Values       []float64 // one for each of Steps; nil for a net
}

// Versions of a file of curves.
const (
	Nets      = 1 // has curves of nets only
	Functions = 2 // may have curves of functions, too
)

// Kept returns the number of points that are kept of a series of n points.
func Kept(n int) int { return min(n, MaxPoints) }

// Point returns the position, in a series of n points, of the kept point i. Both are counted from 0.
func Point(i, n int) int {
	if n <= MaxPoints {
		return i
	}
	return int(int64(i) * int64(n-1) / (MaxPoints - 1))
}

const (
	netMarker      = "CRV1"
	functionMarker = "CRV2"
	markerSize     = len(netMarker)
	markers        = "CRV" // the beginning of both

	keySize  = 32
	headSize = markerSize + 4 + keySize + 4
	sumSize  = 4
	count    = 4                      // bytes of a number of points
	maxData  = 2*count + 16*MaxPoints // bytes
	maxChunk = headSize + maxData + sumSize
)

// Size returns the bytes that the curve of a net with a number of iterations and measurements takes in a file.
func Size(iterations, measurements int) int64 {
	return int64(headSize+2*count+sumSize) + 4*int64(Kept(iterations)) + 12*int64(Kept(measurements))
}

// functionSize returns the bytes that the curve of a function with a number of values takes in a file.
func functionSize(values int) int64 {
	return int64(headSize+count+sumSize) + 12*int64(Kept(values))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendSum appends the CRC-32C of the bytes of b after from.
func appendSum(b []byte, from int) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

// summed reports whether b ends with the CRC-32C of the bytes before.
func summed(b []byte) bool {
	n := len(b) - sumSize
	return binary.LittleEndian.Uint32(b[n:]) == crc32.Checksum(b[:n], castagnoli)
}

// A Key is the key of a trial as bytes.
type Key [keySize]byte

// parseKey returns the key of hexadecimal digits.
func parseKey(text string) (k Key, ok bool) {
	if len(text) != 2*keySize {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(text))
	return k, err == nil
}

// String returns the key in hexadecimal digits, as in records.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// AppendChunk appends the chunk of a trial's curve to b. [Writer.Append] takes such chunks. It returns b
// and an error if key is not a SHA-256, or if the history is inconsistent.
func AppendChunk(b []byte, key string, h History) ([]byte, error) {
	k, ok := parseKey(key)
	if !ok {
		return b, fmt.Errorf("the key %q of a curve is not a SHA-256", key)
	}
	if err := h.check(); err != nil {
		return b, err
	}
	start := len(b)
	n, m := len(h.Loss), len(h.Steps)
	if h.Values == nil {
		b = appendHead(b, netMarker, Size(n, m), k)
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	} else {
		b = appendHead(b, functionMarker, functionSize(m), k)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(m))
	b = appendFloats(b, h.Loss)
	for i := range Kept(m) {
		b = binary.LittleEndian.AppendUint32(b, uint32(h.Steps[Point(i, m)]))
	}
	b = appendFloats(appendFloats(b, h.Train), h.Val)
	for i := range Kept(len(h.Values)) {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(h.Values[Point(i, m)]))
	}
	return appendSum(b, start), nil
}

// check returns an error if the series do not fit together.
func (h *History) check() error {
	n, m := len(h.Loss), len(h.Steps)
	end := n // no step is later
	switch {
	case h.Values != nil:
		if n+len(h.Train)+len(h.Val) > 0 || len(h.Values) != m {
			return fmt.Errorf("a curve of a function has %d values after %d steps, %d losses and %d accuracies", len(h.Values), m, n, len(h.Train)+len(h.Val))
		}
		end = math.MaxInt32
	case len(h.Train) != m || len(h.Val) != m:
		return fmt.Errorf("a curve has %d training and %d validation accuracies at %d iterations", len(h.Train), len(h.Val), m)
	}
	if n > math.MaxInt32 || m > end {
		return fmt.Errorf("a curve has %d losses and %d measurements", n, m)
	}
	last := 0
	for _, step := range h.Steps {
		if step <= last || step > end {
			return fmt.Errorf("a curve of %d iterations has a measurement after iteration %d, following one after %d", end, step, last)
		}
		last = step
	}
	return nil
}

// appendHead appends the head of a chunk with the given size.
func appendHead(b []byte, marker string, size int64, key Key) []byte {
	start := len(b)
	b = append(b, marker...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size)-uint32(headSize+sumSize))
	b = append(b, key[:]...)
	return appendSum(b, start)
}

// appendFloats appends the kept points of a series.
func appendFloats(b []byte, series []float64) []byte {
	for i := range Kept(len(series)) {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(series[Point(i, len(series))])))
	}
	return b
}

// parseHead returns the key and the size of the whole chunk whose head is b. It reports whether b is a
// head.
func parseHead(b []byte) (key Key, size int, ok bool) {
	if len(b) < headSize || !isMarker(b[:markerSize]) || !summed(b[:headSize]) {
		return key, 0, false
	}
	data := binary.LittleEndian.Uint32(b[markerSize:])
	if data < count || data > maxData {
		return key, 0, false
	}
	copy(key[:], b[markerSize+4:])
	return key, headSize + int(data) + sumSize, true
}

func isMarker(b []byte) bool { return string(b) == netMarker || string(b) == functionMarker }

var errSum = errors.New("its checksum does not agree")

// A layout has the numbers of points of a chunk.
type layout struct {
	function   bool
	losses     uint32 // of the history
	steps      uint32 // of the history
	end        uint32 // no step is later
	lossOffset int    // of the first loss
	stepOffset int    // of the first step
	size       int64  // of the chunk
}

// layoutOf returns the layout of a chunk with a valid head. Such a chunk has room for two numbers of points.
func layoutOf(chunk []byte) (l layout) {
	number := func(at int) uint32 { return binary.LittleEndian.Uint32(chunk[at:]) }
	if string(chunk[:markerSize]) == functionMarker {
		l = layout{function: true, steps: number(headSize), end: math.MaxInt32, lossOffset: headSize + count}
		l.stepOffset = l.lossOffset
		l.size = functionSize(int(min(l.steps, math.MaxInt32)))
		return l
	}
	l = layout{losses: number(headSize), steps: number(headSize + count), lossOffset: headSize + 2*count}
	l.end = l.losses
	n := int(min(l.losses, math.MaxInt32))
	l.stepOffset = l.lossOffset + 4*Kept(n)
	l.size = Size(n, int(min(l.steps, math.MaxInt32)))
	return l
}

// check returns an error unless chunk, which has a valid head, is valid as a whole.
func check(chunk []byte) error {
	if !summed(chunk) {
		return errSum
	}
	l := layoutOf(chunk)
	if l.losses > math.MaxInt32 || l.steps > l.end || l.size != int64(len(chunk)) {
		return fmt.Errorf("its %d bytes do not fit %d iterations and %d measurements", len(chunk), l.losses, l.steps)
	}
	last := uint32(0)
	for i := range Kept(int(l.steps)) {
		step := binary.LittleEndian.Uint32(chunk[l.stepOffset+4*i:])
		if step <= last || step > l.end {
			return fmt.Errorf("a measurement after iteration %d follows one after %d, of %d iterations", step, last, l.end)
		}
		last = step
	}
	return nil
}

// parse returns the curve of a chunk for which check returns nil.
func parse(chunk []byte) Curve {
	l := layoutOf(chunk)
	c := Curve{Iterations: int(l.losses), Measurements: int(l.steps)}
	n, m := Kept(c.Iterations), Kept(c.Measurements)
	c.LossSteps, c.Loss, c.Steps = make([]int, n), make([]float32, n), make([]int, m)
	for i := range c.LossSteps {
		c.LossSteps[i] = Point(i, c.Iterations) + 1
	}
	floatbytes.Decode(c.Loss, chunk[l.lossOffset:])
	b := chunk[l.stepOffset:]
	for i := range c.Steps {
		c.Steps[i] = int(binary.LittleEndian.Uint32(b[4*i:]))
	}
	if l.function {
		c.Values = make([]float64, m)
		floatbytes.Decode(c.Values, b[4*m:])
		return c
	}
	c.Train, c.Val = make([]float32, m), make([]float32, m)
	floatbytes.Decode(c.Train, b[4*m:])
	floatbytes.Decode(c.Val, b[8*m:])
	return c
}
