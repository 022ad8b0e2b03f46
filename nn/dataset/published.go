package dataset

import (
	"crypto/sha256"
	"fmt"

	"fusegrid/nn/labelled"
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

// notes returns remarks that users of a split of the custom set d must see. The first remark says
// that the set is custom, and says so if only its class names differ from CIFAR-10. Further remarks
// name images that occur in two subsets or twice in the training images.
func (d *Dataset) notes(hash string, train, val, test int) []string {
	notes := []string{d.custom(hash)}
	n := d.Train.Len()
	seen := firsts{}
	if c := seen.find(d.Train, 0, train, true); c.n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d training images in use repeat earlier ones: %s is %s", c.n, train, d.trainPlace(c.one), d.trainPlace(c.other)))
	}
	inTrain := func(what string, im labelled.Images, lo, hi int, place func(i int) string) {
		if c := seen.find(im, lo, hi, false); c.n > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d %s images in use are training images: %s is %s", c.n, hi-lo, what, place(c.one), d.trainPlace(c.other)))
		}
	}
	inTrain("validation", d.Train, n-val, n, d.trainPlace)
	inTrain("test", d.Test, 0, test, testPlace)
	seen = firsts{}
	seen.find(d.Train, n-val, n, true)
	if c := seen.find(d.Test, 0, test, false); c.n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d test images in use are validation images: %s is %s", c.n, test, testPlace(c.one), d.trainPlace(c.other)))
	}
	return notes
}

// custom returns the remark that d is not the published set. The argument hash is the hash of d.
func (d *Dataset) custom(hash string) string {
	named := Dataset{Classes: classNames(), Train: d.Train, Test: d.Test}
	switch {
	case named.Hash() == publishedHash:
		return fmt.Sprintf("these are the published images of CIFAR-10 with other class names: they are named %s (%.8s)", custom, hash)
	case d.batches != nil && (d.Train.Len() != trainBatches*perBatch || d.Test.Len() != perBatch):
		return fmt.Sprintf("this is not the published CIFAR-10: its %d training and %d test images are named %s (%.8s)", d.Train.Len(), d.Test.Len(), custom, hash)
	}
	return fmt.Sprintf(`this is not the published CIFAR-10, which "sweep fetch" gets: it is named %s (%.8s)`, custom, hash)
}

// trainPlace returns the position of training image i in the batch files.
func (d *Dataset) trainPlace(i int) string {
	for b, n := range d.batches {
		if i < n {
			return fmt.Sprintf("image %d of data_batch_%d", i, b+1)
		}
		i -= n
	}
	return fmt.Sprintf("image %d", i)
}

func testPlace(i int) string { return fmt.Sprintf("image %d of test_batch", i) }

// A common counts images that occur in two lists. The fields one and other are the indices of the
// first such image in the two lists.
type common struct{ n, one, other int }

func (c *common) count(one, other int) {
	if c.n++; c.n == 1 {
		c.one, c.other = one, other
	}
}

// A firsts maps the hash of an image to the index of its first occurrence in a list.
type firsts map[[sha256.Size]byte]int

// find counts images lo to hi−1 of a list that occur in f. If add is true, it adds the others to f.
func (f firsts) find(im labelled.Images, lo, hi int, add bool) (c common) {
	for i := lo; i < hi; i++ {
		hash := sha256.Sum256(im.Row(i))
		if at, ok := f[hash]; ok {
			c.count(i, at)
		} else if add {
			f[hash] = i
		}
	}
	return c
}
