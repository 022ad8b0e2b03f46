package results

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"sync"
)

// A Config is everything that the outcome of a training depends on: two
// trainings of equal Config give the same bits, but for time.
type Config struct {
	Data   string  `json:"data"`   // hash of the data set
	Split  [3]int  `json:"split"`  // training, validation and test images
	Pixels string  `json:"pixels"` // order of the pixels of an image: hwc or chw
	Net    string  `json:"net"`    // two-layer or fc; fc is trained by the Solver
	Hidden []int   `json:"hidden"` // units of each hidden layer
	LR     float64 `json:"lr"`     // learning rate of the first epoch
	Reg    float64 `json:"reg"`    // λ of ½·λ·Σ‖W‖²
	Decay  float64 `json:"decay"`  // the learning rate's factor at the end of an epoch
	Batch  int     `json:"batch"`  // images in a minibatch
	Iters  int     `json:"iters"`  // minibatches in all
	Std    float64 `json:"std"`    // standard deviation of the initial weights
	Seed   uint32  `json:"seed"`   // of the stream of random numbers
	DType  string  `json:"dtype"`  // f32 or f64
	Class  string  `json:"class"`  // how the kernels round: see kernels.Class

	// Order seeds the minibatches where they have a stream of their own; nil where weights
	// and minibatches come from the one stream of Seed, as in the course.
	Order *uint32 `json:"order,omitempty"`
	Rule  string  `json:"rule,omitempty"` // momentum or nesterov; empty for plain SGD
	Mu    float64 `json:"mu,omitempty"`   // of these rules: the share of the velocity that is kept

	// Division is "true" where an epoch of the two-layer net has a fraction of an iteration, as in
	// Python 3. It is empty for floor division, and where both are the same.
	Division string `json:"division,omitempty"`
}

// DivisionMatters reports whether floor and true division of the training images by the batch give
// other epochs.
func (c *Config) DivisionMatters() bool {
	return c.Net != "fc" && c.Batch > 0 && c.Batch < c.Split[0] && c.Split[0]%c.Batch != 0
}

// PerEpoch returns the whole iterations of an epoch, as the assignment counts them.
func (c *Config) PerEpoch() int { return max(c.Split[0]/max(c.Batch, 1), 1) }

// fewDigits is what people are shown of a number that may have many.
const fewDigits = 6

// Digits returns how many significant digits show the values: few, or as many more as keep those apart
// that differ.
func Digits(few int, values []float64) int {
	sorted := slices.Compact(slices.Sorted(slices.Values(values)))
	show := func(v float64, n int) string { return strconv.FormatFloat(v, 'g', n, 64) }
	for i := 1; i < len(sorted); i++ {
		for few < 17 && show(sorted[i-1], few) == show(sorted[i], few) {
			few++
		}
	}
	return few
}

// HiddenString returns the hidden layers as they are typed: "50" or "100x100".
func (c Config) HiddenString() string { return string(appendInts(nil, c.Hidden, 'x')) }

// Canonical returns the text that Key hashes: the line "fusegrid-trial/1", then
// one line "name=value" per field, sorted by name, each ended by a newline.
// Floats have the fewest digits that give the same float64 back.
//
// A field that is added later stays out of the text while it has its zero
// value, so that keys made before remain valid.
func (c Config) Canonical() string { return string(c.appendCanonical(nil)) }

func (c *Config) appendCanonical(b []byte) []byte {
	b = append(b, "fusegrid-trial/1\n"...)
	for i := range byName {
		f := &byName[i]
		line := len(b)
		b = append(b, f.name...)
		b = append(b, '=')
		value := len(b)
		if b = f.value(b, c); len(b) == value && f.optional {
			b = b[:line]
			continue
		}
		b = append(b, '\n')
	}
	return b
}

// Key returns the name of the trial: the SHA-256 of Canonical in hex.
func (c Config) Key() string {
	s := keyScratch.Get().(*scratch)
	defer keyScratch.Put(s)
	s.config = c
	s.text = s.config.appendCanonical(s.text[:0])
	sum := sha256.Sum256(s.text)
	return hex.EncodeToString(sum[:])
}

// A scratch is what Key works in. A sweep of tiny nets asks for a key several times per trial, and
// garbage would take longer than the hash.
type scratch struct {
	config Config
	text   []byte
}

var keyScratch = sync.Pool{New: func() any { return new(scratch) }}

// Equal reports whether c and d have the same values. It is quicker than to compare their keys.
func (c *Config) Equal(d *Config) bool {
	for i := range configFields {
		if !configFields[i].equal(c, d) {
			return false
		}
	}
	return true
}

// FLOPs returns the floating-point operations of the matrix products of one
// training step, for images of the given number of pixels: forward, gradient of
// the weights, and gradient of the inputs for all layers but the first, each
// 2·batch·in·out. Other work is not counted.
func (c Config) FLOPs(pixels, classes int) float64 {
	var sum float64
	in, products := pixels, 2
	layer := func(out int) {
		sum += float64(products) * 2 * float64(c.Batch) * float64(in) * float64(out)
		in, products = out, 3
	}
	for _, out := range c.Hidden {
		layer(out)
	}
	layer(classes)
	return sum
}
