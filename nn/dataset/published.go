package dataset

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"sync"
)

// Names of sets that are read from files.
const (
	cifar10 = "cifar-10" // only for the published set
	custom  = "custom"   // for all other sets
)

// publishedHash is the hash of the published CIFAR-10, which is the same for both versions.
const publishedHash = "121dd8d928af8fe4c8b98235ef22112e776f66c3c29512175bed47f0a45b7818"

// NameOf returns the name of a set with this hash. It returns name, except that it replaces
// "cifar-10" by "custom" if hash is not the hash of the published set.
func NameOf(name, hash string) string {
	if name == cifar10 && hash != publishedHash {
		return custom
	}
	return name
}

// NameWith returns the name of the set, whose hash is that of [Dataset.Hash].
func (d *Dataset) NameWith(hash string) string { return NameOf(cmp.Or(d.Name, cifar10), hash) }

// notes returns remarks that users of a split with this name must see. If the set has the form of
// CIFAR-10, the first remark says that it is custom, also if only its class names differ. Further
// remarks name samples that occur twice, and classes that have no training samples.
func (d *Dataset) notes(name, hash string, p partition) []string {
	if name == custom { // a subset of CIFAR-10 may lack classes
		return append([]string{d.custom(hash)}, d.repeats(p)...)
	}
	return append(d.repeats(p), d.gaps(p)...)
}

// gaps returns remarks on classes that have no samples in a subset.
func (d *Dataset) gaps(p partition) (notes []string) {
	for _, part := range []struct {
		name string
		subset
	}{{"training", p.train}, {"validation", p.val}, {"test", p.test}} {
		if empty := d.without(part.subset); part.len() > 0 && len(empty) > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d classes have no %s %s: %s", len(empty), len(d.Classes), part.name, d.Shape.noun(), some(empty, 5)))
		}
	}
	return notes
}

// Repeats returns remarks on samples that occur in two subsets of a split, or twice in its training
// samples, and on classes without samples. Unlike [Split.Notes], it returns them for every set.
func (d *Dataset) Repeats(o SplitOptions) ([]string, error) {
	p, err := d.partition(o)
	if err != nil {
		return nil, err
	}
	return append(d.repeats(p), d.gaps(p)...), nil
}

func (d *Dataset) repeats(p partition) (notes []string) {
	train, val, test := d.hashes(p.train), d.hashes(p.val), d.hashes(p.test)
	what := d.Shape.noun()
	seen := firsts{}
	if c := seen.find(train, true); c.n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d training %s in use repeat earlier ones: %s is %s", c.n, len(train), what, d.placeOf(p.train, c.one), d.placeOf(p.train, c.other)))
	}
	both := func(seen firsts, part string, hashes []digest, u subset, other string, v subset) {
		if c := seen.find(hashes, false); c.n > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d %s %s in use are %s %s: %s is %s", c.n, len(hashes), part, what, other, what, d.placeOf(u, c.one), d.placeOf(v, c.other)))
		}
	}
	both(seen, "validation", val, p.val, "training", p.train)
	both(seen, "test", test, p.test, "training", p.train)
	seen = firsts{}
	seen.find(val, true)
	both(seen, "test", test, p.test, "validation", p.val)
	return notes
}

// without returns the names of the classes that have no sample in a subset.
func (d *Dataset) without(u subset) []string {
	count := make([]int, len(d.Classes))
	for i := range u.len() {
		count[d.list(u).Y[u.at(i)]]++
	}
	var names []string
	for k, n := range count {
		if n == 0 {
			names = append(names, d.Classes[k])
		}
	}
	return names
}

// some lists at most n words.
func some(words []string, n int) string {
	if len(words) > n {
		words = append(words[:n:n], "…")
	}
	return strings.Join(words, ", ")
}

// custom returns the remark that d is not the published set. The argument hash is the hash of d.
func (d *Dataset) custom(hash string) string {
	named := Dataset{Shape: d.Shape, Classes: classNames(), Train: d.Train, Test: d.Test}
	switch {
	case named.Hash() == publishedHash:
		return fmt.Sprintf("these are the published images of CIFAR-10 with other class names: they are named %s (%.8s)", custom, hash)
	case d.batches != nil && (d.Train.Len() != trainBatches*perBatch || d.Test.Len() != perBatch):
		return fmt.Sprintf("this is not the published CIFAR-10: its %d training and %d test images are named %s (%.8s)", d.Train.Len(), d.Test.Len(), custom, hash)
	}
	return fmt.Sprintf(`this is not the published CIFAR-10, which "sweep fetch" gets: it is named %s (%.8s)`, custom, hash)
}

// placeOf returns the place in the files of sample i of a subset.
func (d *Dataset) placeOf(u subset, i int) string {
	i = u.at(i)
	switch {
	case d.place != nil:
		return d.place(u.test, i)
	case d.batches == nil && u.test:
		return inPart(d.Shape, i, "the test part")
	case d.batches == nil:
		return inPart(d.Shape, i, "the training part")
	case u.test:
		return fmt.Sprintf("image %d of test_batch", i)
	}
	for b, n := range d.batches {
		if i < n {
			return fmt.Sprintf("image %d of data_batch_%d", i, b+1)
		}
		i -= n
	}
	return fmt.Sprintf("image %d", i)
}

// A digest is the hash of a sample without its label.
type digest [sha256.Size]byte

// hashes returns the digests of the samples of a subset.
func (d *Dataset) hashes(u subset) []digest {
	all := make([]digest, u.len())
	list := d.list(u)
	cores := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range cores {
		wg.Go(func() {
			h := hasher{sha256.New()}
			for i := w * len(all) / cores; i < (w+1)*len(all)/cores; i++ {
				h.Reset()
				h.samples(list.Slice(u.at(i), u.at(i)+1))
				h.Sum(all[i][:0])
			}
		})
	}
	wg.Wait()
	return all
}

// A common counts samples that occur in two lists. The fields one and other are the indices of the
// first such sample in the two lists.
type common struct{ n, one, other int }

func (c *common) count(one, other int) {
	if c.n++; c.n == 1 {
		c.one, c.other = one, other
	}
}

// A firsts maps the digest of a sample to the index of its first occurrence in a list.
type firsts map[digest]int

// find counts the samples of a list that occur in f. If add is true, it adds the others to f.
func (f firsts) find(list []digest, add bool) (c common) {
	for i, hash := range list {
		if at, ok := f[hash]; ok {
			c.count(i, at)
		} else if add {
			f[hash] = i
		}
	}
	return c
}
