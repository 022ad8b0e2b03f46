package results

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	Std    float64 `json:"std"`    // standard deviation of the initial weights
	Batch  int     `json:"batch"`  // images in a minibatch
	Iters  int     `json:"iters"`  // minibatches in all
	Seed   uint32  `json:"seed"`   // of the stream of random numbers
	DType  string  `json:"dtype"`  // f32 or f64
	Class  string  `json:"class"`  // how the kernels round: see kernels.Class

	// Order seeds the minibatches where they have a stream of their own; nil where weights
	// and minibatches come from the one stream of Seed, as in the course.
	Order *uint32 `json:"order,omitempty"`
	Rule  string  `json:"rule,omitempty"` // momentum or nesterov; empty for plain SGD
	Mu    float64 `json:"mu,omitempty"`   // of these rules: the share of the velocity that is kept
}

// A field is one line of the canonical form: a name and its exact value. One that may
// be absent has an empty value then.
type field struct{ name, value string }

// fields returns the configuration in the order that people read it.
func (c Config) fields() []field {
	order, mu := "", ""
	if c.Order != nil {
		order = strconv.FormatUint(uint64(*c.Order), 10)
	}
	if c.Rule != "" || c.Mu != 0 {
		mu = exact(c.Mu)
	}
	return []field{
		{"data", c.Data},
		{"split", fmt.Sprintf("%d/%d/%d", c.Split[0], c.Split[1], c.Split[2])},
		{"pixels", c.Pixels},
		{"net", c.Net},
		{"hidden", c.HiddenString()},
		{"lr", exact(c.LR)},
		{"reg", exact(c.Reg)},
		{"decay", exact(c.Decay)},
		{"batch", strconv.Itoa(c.Batch)},
		{"iters", strconv.Itoa(c.Iters)},
		{"std", exact(c.Std)},
		{"seed", strconv.FormatUint(uint64(c.Seed), 10)},
		{"order", order},
		{"rule", c.Rule},
		{"mu", mu},
		{"dtype", c.DType},
		{"class", c.Class},
	}
}

// exact prints x with the fewest digits that give x back.
func exact(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// HiddenString returns the hidden layers as they are typed: "50" or "100x100".
func (c Config) HiddenString() string {
	s := make([]string, len(c.Hidden))
	for i, h := range c.Hidden {
		s[i] = strconv.Itoa(h)
	}
	return strings.Join(s, "x")
}

// optional names the fields that are not part of the canonical form while they are empty.
var optional = map[string]bool{"order": true, "rule": true, "mu": true}

// byName holds the indices of the fields in the order of their names.
var byName = func() []int {
	fs := Config{}.fields()
	order := make([]int, len(fs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(fs[a].name, fs[b].name) })
	return order
}()

// Canonical returns the text that Key hashes: the line "fusegrid-trial/1", then
// one line "name=value" per field, sorted by name, each ended by a newline.
// Floats have the fewest digits that give the same float64 back.
//
// A field that is added later stays out of the text while it has its zero
// value, so that keys made before remain valid.
func (c Config) Canonical() string {
	fs := c.fields()
	var b strings.Builder
	b.Grow(512)
	b.WriteString("fusegrid-trial/1\n")
	for _, i := range byName {
		f := fs[i]
		if f.value == "" && optional[f.name] {
			continue
		}
		b.WriteString(f.name + "=" + f.value + "\n")
	}
	return b.String()
}

// Key returns the name of the trial: the SHA-256 of Canonical in hex.
func (c Config) Key() string {
	sum := sha256.Sum256([]byte(c.Canonical()))
	return hex.EncodeToString(sum[:])
}

// FLOPs returns the floating-point operations of the matrix products of one
// training step, for images of the given number of pixels: forward, gradient of
// the weights, and gradient of the inputs for all layers but the first, each
// 2·batch·in·out. Other work is not counted.
func (c Config) FLOPs(pixels, classes int) float64 {
	var sum float64
	in, products := pixels, 2
	for _, out := range append(slices.Clone(c.Hidden), classes) {
		sum += float64(products) * 2 * float64(c.Batch) * float64(in) * float64(out)
		in, products = out, 3
	}
	return sum
}
