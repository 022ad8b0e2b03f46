package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"fusegrid/nn/dataset/datasettest"
)

// TestQuick compares splits that are read straight from batch files with those of a Dataset.
func TestQuick(t *testing.T) {
	const perFile = 60
	dir := t.TempDir()
	q := quick{perFile: perFile}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range versions()[0].batches() {
		labels, pixels := make([]byte, perFile), make([]byte, perFile*Dim)
		for i := range labels {
			labels[i] = byte(rng.IntN(numClasses))
		}
		for i := range pixels {
			pixels[i] = byte(rng.Uint32())
		}
		data := datasettest.BinaryBatch(labels, pixels)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		q.files, q.want = append(q.files, path), append(q.want, hex.EncodeToString(sum[:]))
	}
	d, err := LoadCIFAR10(dir)
	if err != nil {
		t.Fatal(err)
	}
	amount := func(n int) Amount { return Amount{N: n, IsSet: true} }
	for _, o := range []SplitOptions{
		{}, {Order: HWC}, {Order: HWC, Norm: NoNorm}, {Order: HWC, Draw: Ordered},
		{Order: HWC, Sizes: Sizes{Train: amount(7), Val: amount(5), Test: amount(60)}}, {Sizes: Sizes{Train: amount(299), Val: amount(1)}},
	} {
		t.Run(fmt.Sprint(o), func(t *testing.T) {
			want, err := d.SplitWith(o)
			if err != nil {
				t.Fatal(err)
			}
			q := quick{files: q.files, want: q.want, perFile: perFile, options: o}
			got := q.split()
			if got == nil {
				t.Fatal("the files are not those that are wanted")
			}
			got.Name, got.Hash, got.Classes, want.Notes = want.Name, want.Hash, want.Classes, nil
			if !reflect.DeepEqual(got, want) {
				t.Error("the split differs")
			}
		})
	}
	reject := func(why string, change func(q *quick)) {
		t.Run(why, func(t *testing.T) {
			q := quick{files: append([]string(nil), q.files...), want: q.want, perFile: perFile, options: SplitOptions{Order: HWC}}
			change(&q)
			if q.split() != nil {
				t.Error("there is a split")
			}
		})
	}
	reject("random draw", func(q *quick) { q.options.Draw = Random })
	reject("standard", func(q *quick) { q.options.Norm = Standard })
	reject("too many images", func(q *quick) { q.options.Sizes = Sizes{Train: amount(300), Val: amount(1)} })
	reject("other content", func(q *quick) { q.files[1] = q.files[2] })
	reject("other size", func(q *quick) { q.perFile-- })
	reject("no file", func(q *quick) { q.files[5] += "x" })
}

// TestOpenPublished compares the split of the published CIFAR-10 with that of its Dataset. It needs the data.
func TestOpenPublished(t *testing.T) {
	path, ok := Find()
	if !ok || testing.Short() {
		t.Skip("no CIFAR-10 here; set FUSEGRID_DATA to its folder")
	}
	o := SplitOptions{Order: HWC}
	got := OpenPublished(path, o)
	if got == nil {
		t.Skip("not the binary version of the published CIFAR-10:", path)
	}
	d, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.SplitWith(o)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the split differs")
	}
	if OpenPublished(t.TempDir(), o) != nil {
		t.Error("an empty folder has a split")
	}
}
