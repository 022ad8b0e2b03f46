package dataset

import (
	"bytes"
	"fmt"
	"hash/maphash"
)

// The names of sets that are read from files.
const (
	cifar10 = "cifar-10" // the published set and no other
	custom  = "custom"
)

// publishedHash is that of the published CIFAR-10, in both versions.
const publishedHash = "121dd8d928af8fe4c8b98235ef22112e776f66c3c29512175bed47f0a45b7818"

// NameOf returns the name that a set of that hash may have: "cifar-10" becomes
// "custom" unless the hash is that of the published set.
func NameOf(name, hash string) string {
	if name == cifar10 && hash != publishedHash {
		return custom
	}
	return name
}

// notes returns what a user must know of a split of the custom set d: that it is one, and which
// images occur in two of its parts or twice in the training images.
func (d *Dataset) notes(hash string, train, val, test int) []string {
	notes := []string{fmt.Sprintf(`this is not the published CIFAR-10, which "sweep fetch" gets: it is named %s (%.8s)`, custom, hash)}
	n := d.Train.Len()
	seen := firsts{images: d.Train, at: make(map[uint64]int, train+val), seed: maphash.MakeSeed()}
	if c := seen.add(0, train); c.n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d training images repeat earlier ones: %s is %s", c.n, train, trainPlace(c.one), trainPlace(c.other)))
	}
	inTrain := func(what string, im Images, lo, hi int, place func(i int) string) {
		if c := seen.find(im, lo, hi); c.n > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d %s images are training images too: %s is %s", c.n, hi-lo, what, place(c.one), trainPlace(c.other)))
		}
	}
	inTrain("validation", d.Train, n-val, n, trainPlace)
	inTrain("test", d.Test, 0, test, testPlace)
	seen.at = make(map[uint64]int, val)
	seen.add(n-val, n)
	if c := seen.find(d.Test, 0, test); c.n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d test images are validation images too: %s is %s", c.n, test, testPlace(c.one), trainPlace(c.other)))
	}
	return notes
}

// trainPlace says where training image i lies.
func trainPlace(i int) string {
	return fmt.Sprintf("image %d of data_batch_%d", i%perBatch, i/perBatch+1)
}

func testPlace(i int) string { return fmt.Sprintf("image %d of test_batch", i) }

// common counts images that occur elsewhere. The first of them is at index one there and other here.
type common struct{ n, one, other int }

func (c *common) count(one, other int) {
	if c.n++; c.n == 1 {
		c.one, c.other = one, other
	}
}

// firsts holds where images occur first, by a hash of their pixels.
type firsts struct {
	images Images
	at     map[uint64]int
	seed   maphash.Seed
}

// lookup returns where the image occurs. Of two images with one hash only the first is known.
func (f *firsts) lookup(pixels []byte) (hash uint64, at int, ok bool) {
	hash = maphash.Bytes(f.seed, pixels)
	at, ok = f.at[hash]
	return hash, at, ok && bytes.Equal(pixels, f.images.Pixels[at*Dim:(at+1)*Dim])
}

// add takes up images lo to hi, and counts those that were there before.
func (f *firsts) add(lo, hi int) (c common) {
	for i := lo; i < hi; i++ {
		hash, at, ok := f.lookup(f.images.Pixels[i*Dim : (i+1)*Dim])
		if ok {
			c.count(i, at)
		} else {
			f.at[hash] = i
		}
	}
	return c
}

// find counts images lo to hi of others that occur here.
func (f *firsts) find(others Images, lo, hi int) (c common) {
	for i := lo; i < hi; i++ {
		if _, at, ok := f.lookup(others.Pixels[i*Dim : (i+1)*Dim]); ok {
			c.count(i, at)
		}
	}
	return c
}
