package safetensors

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sum is the name of the checksum in the metadata.
const sum = "sum"

// Seal sorts the tensors by name and stores a checksum of f in its metadata, as "sum". The checksum
// covers the other metadata and the names, shapes and numbers of all tensors.
func (f *File) Seal() {
	slices.SortFunc(f.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	if f.Meta == nil {
		f.Meta = map[string]string{}
	}
	f.Meta[sum] = f.Checksum()
}

// Sealed reports whether f is as it was when [File.Seal] was called.
func (f *File) Sealed() bool { return f.Meta[sum] == f.Checksum() }

// HasSeal reports whether f has a checksum, correct or not.
func (f *File) HasSeal() bool { return f.Meta[sum] != "" }

// Checksum returns the checksum that [File.Seal] stores: a SHA-256 in hex.
func (f *File) Checksum() string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(f.Meta)) {
		if k != sum {
			fmt.Fprintf(h, "%q=%q\n", k, f.Meta[k])
		}
	}
	for _, t := range f.Tensors {
		fmt.Fprintf(h, "%q %v\n", t.Name, t.Shape)
		writeNumbers(h, t) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}
