package results

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"sync"
)

// A Config holds everything that determines the outcome of a training. Two trainings with equal
// configurations give the same bits in all results except times.
type Config struct {
	Data   string  `json:"data"`   // hash of the data set
	Split  [3]int  `json:"split"`  // training, validation and test images
	Pixels string  `json:"pixels"` // order of the pixels of an image: hwc or chw; empty for features
	Net    string  `json:"net"`    // two-layer or fc; fc is trained by the Solver
	Hidden []int   `json:"hidden"` // units of each hidden layer
	LR     float64 `json:"lr"`     // learning rate of the first epoch
	Reg    float64 `json:"reg"`    // λ of ½·λ·Σ‖W‖²
	Decay  float64 `json:"decay"`  // factor applied to the learning rate after each epoch
	Batch  int     `json:"batch"`  // images in a minibatch
	Iters  int     `json:"iters"`  // total number of minibatches
	Std    float64 `json:"std"`    // standard deviation of the initial weights
	Seed   uint32  `json:"seed"`   // seed of the random stream
	DType  string  `json:"dtype"`  // f32, f64, bfp16 or bfp16d8
	Class  string  `json:"class"`  // numeric class of the kernels, see kernels.Class and Config.Earlier

	// Order is the seed of the minibatches if they have a separate random stream. If Order is nil,
	// weights and minibatches come from the stream of Seed, as in the course.
	Order *uint32 `json:"order,omitempty"`
	Rule  string  `json:"rule,omitempty"` // momentum, nesterov, rmsprop or adam; empty for plain SGD
	Mu    float64 `json:"mu,omitempty"`   // momentum or nesterov: factor applied to the velocity in each step

	// Division is "true" if an epoch of the two-layer net has a fractional number of iterations, as
	// in Python 3. It is empty for floor division, and if both divisions give the same epochs.
	Division string `json:"division,omitempty"`

	// Partition says how the samples of the split were drawn, such as stratified:0. It is empty for
	// the first and the last samples, as in the assignment.
	Partition string `json:"partition,omitempty"`

	// Norm is the normalization of the samples: standard or none. It is empty if the mean is
	// subtracted.
	Norm string `json:"norm,omitempty"`

	// Objective is the name of a function that is not the training of a net, and Params are its
	// parameters. Minimize is set if smaller values of the function are better. Such a trial has no
	// other fields than Seed and Iters, the number of its steps.
	Objective string `json:"objective,omitempty"`
	Minimize  bool   `json:"minimize,omitempty"`
	Params    Params `json:"params,omitempty"`
}

// Gain converts a value of the objective to a number that is larger if the value is better: it returns
// −v if the objective is minimized, and v otherwise.
func (c *Config) Gain(v float64) float64 {
	if c.Minimize {
		return -v
	}
	return v
}

// DivisionMatters reports whether floor division and true division of the training images by the
// batch give different epochs.
func (c *Config) DivisionMatters() bool {
	return c.Net != "fc" && c.Batch > 0 && c.Batch < c.Split[0] && c.Split[0]%c.Batch != 0
}

// PerEpoch returns the number of whole iterations in an epoch, as the assignment counts them.
func (c *Config) PerEpoch() int { return max(c.Split[0]/max(c.Batch, 1), 1) }

// fewDigits is the number of significant digits in tables for people.
const fewDigits = 6

// Digits returns the number of significant digits for a list of values. It is the argument digits,
// or more if different values would look equal.
func Digits(digits int, values []float64) int {
	sorted := slices.Compact(slices.Sorted(slices.Values(values)))
	show := func(v float64, n int) string { return strconv.FormatFloat(v, 'g', n, 64) }
	for i := 1; i < len(sorted); i++ {
		for digits < 17 && show(sorted[i-1], digits) == show(sorted[i], digits) {
			digits++
		}
	}
	return digits
}

// Brief returns the value of a field with few digits, as tables show it: "-" if it is empty. The name is that of the
// column.
func (c *Config) Brief(name string) string {
	if p, ok := c.Params.Get(name); ok {
		switch {
		case p.Word != "":
			return p.Word
		case p.Whole:
			return strconv.FormatInt(int64(p.Number), 10)
		}
		return strconv.FormatFloat(p.Number, 'g', fewDigits, 64)
	}
	for _, f := range configFields {
		value := f.value(nil, c)
		switch {
		case f.name != name:
		case len(value) == 0:
			return "-"
		case f.kind == Number:
			return strconv.FormatFloat(f.number(c), 'g', fewDigits, 64)
		default:
			return string(value)
		}
	}
	return ""
}

// Exact returns the value of a field with all digits, as the tables for programs have it: "" if it is empty. The name
// is that of the column.
func (c *Config) Exact(name string) string {
	if p, ok := c.Params.Get(name); ok {
		return string(p.appendValue(nil))
	}
	for _, f := range configFields {
		if f.name == name {
			return string(f.value(nil, c))
		}
	}
	return ""
}

// Canonical returns the text that Key hashes. The text has the line "fusegrid-trial/1" and then one
// line "name=value" per field, sorted by name. Each line ends in a newline. Floats have the fewest
// digits that identify the float64.
//
// A field that a later version adds must be omitted while it has its zero value. Older keys then
// remain valid.
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

// A keyer computes keys. It has room for what they need, because a large sweep computes many.
type keyer struct {
	config Config // whose address can be passed on
	text   []byte
	hex    [2 * sha256.Size]byte
}

var keyers = sync.Pool{New: func() any { return new(keyer) }}

// key returns the key of c. It is valid until the next call.
func (k *keyer) key(c *Config) []byte {
	k.text = c.appendCanonical(k.text[:0])
	sum := sha256.Sum256(k.text)
	hex.Encode(k.hex[:], sum[:])
	return k.hex[:]
}

// Key returns the SHA-256 of Canonical in hex, which identifies the trial.
func (c Config) Key() string {
	k := keyers.Get().(*keyer)
	defer keyers.Put(k)
	k.config = c
	return string(k.key(&k.config))
}

// hasKey reports whether key is the key of c.
func (c *Config) hasKey(key string) bool {
	k := keyers.Get().(*keyer)
	defer keyers.Put(k)
	return string(k.key(c)) == key
}

// Equal reports whether c and d have the same values. It is faster than a comparison of keys.
func (c *Config) Equal(d *Config) bool {
	return c.Data == d.Data && c.Split == d.Split && c.Pixels == d.Pixels && c.Net == d.Net && slices.Equal(c.Hidden, d.Hidden) &&
		c.LR == d.LR && c.Reg == d.Reg && c.Decay == d.Decay && c.Batch == d.Batch && c.Iters == d.Iters && c.Std == d.Std &&
		c.Seed == d.Seed && c.DType == d.DType && c.Class == d.Class &&
		(c.Order == d.Order || c.Order != nil && d.Order != nil && *c.Order == *d.Order) &&
		c.Rule == d.Rule && c.Mu == d.Mu && c.Division == d.Division && c.Partition == d.Partition && c.Norm == d.Norm &&
		c.Objective == d.Objective && c.Minimize == d.Minimize && slices.Equal(c.Params, d.Params)
}

// FLOPs returns the number of floating-point operations in the matrix products of one training step,
// for images with the given number of pixels. Each layer has a forward product and the gradient of
// its weights. All layers except the first also have the gradient of their inputs. Each product
// counts 2·batch·in·out operations. Other work is not counted.
func (c Config) FLOPs(pixels, classes int) float64 {
	var sum float64
	in, products := pixels, 2
	layer := func(out int) {
		sum += float64(float64(products) * 2 * float64(c.Batch) * float64(in) * float64(out)) // not fused: plans must be equal on all machines
		in, products = out, 3
	}
	for _, out := range c.Hidden {
		layer(out)
	}
	layer(classes)
	return sum
}

// Earlier reports whether the trial was trained by the kernels of an earlier version, which summed all
// terms of a product in one chain. Such a trial cannot be verified, resumed or trained again.
func (c *Config) Earlier() bool {
	switch c.Class {
	case "fma", "muladd", "bfp16", "bfp16d8":
		return true
	}
	return false
}
