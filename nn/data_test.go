package nn

import (
	"math"
	"testing"

	"fusegrid/kernels"
	"fusegrid/kernels/reference"
	"fusegrid/nn/labelled"
	"fusegrid/nn/nprand"
	"fusegrid/nn/train"
)

func TestPixels(t *testing.T) {
	onEverySet(t, func(t *testing.T, set *kernels.Set) {
		x := []uint8{0, 128, 255, 1, 2, 3}
		p, err := NewPixels[float32](set, labelled.Samples{X: x, Y: []uint16{7, 9}}, []float64{0.5, 100, 254.75})
		if err != nil {
			t.Fatal(err)
		}
		if p.Len() != 2 || p.Dim() != 3 {
			t.Errorf("%d×%d, want 2×3", p.Len(), p.Dim())
		}
		b := newBatch[float32](3, 3)
		copy(b.idx, []int{1, 0, 1})
		if err := b.gather(p, 10); err != nil {
			t.Fatal(err)
		}
		sameBits(t, "rows", b.x.Data, []float32{0.5, -98, -251.75, -0.5, 28, 0.25, 0.5, -98, -251.75})
		if b.y[0] != 9 || b.y[1] != 7 || b.y[2] != 9 {
			t.Errorf("labels %v, want 9 7 9", b.y)
		}
		wantError(t, b.gather(p, 9), "sample 1 has label 9", "0…8")
	})
}

func TestNewPixelsRefuses(t *testing.T) {
	set := reference.New()
	_, err := NewPixels[float64](set, labelled.Samples{X: make([]uint8, 7), Y: make([]uint16, 2)}, make([]float64, 3))
	wantError(t, err, "7 bytes for 2 images of 3 pixels, want 6 bytes")
	_, err = NewPixels[float64](set, labelled.Samples{}, nil)
	wantError(t, err, "mean image is empty")
}

func TestPredict(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	scores := kernels.MatOf(5, 3, []float64{
		1, 2, 3,
		2, 2, 1,
		1, nan, inf,
		nan, nan, 5,
		-inf, -inf, -inf,
	})
	got := make([]int, 5)
	Predict(got, scores)
	for i, want := range []int{2, 0, 1, 0, 0} {
		if got[i] != want {
			t.Errorf("row %d: class %d, want %d", i, got[i], want)
		}
	}
}

func TestAccuracy(t *testing.T) {
	// The number of samples is not a multiple of evalRows.
	data := blobs[float64](2*evalRows+37, 6, 4, 3)
	net := netsOf[float64](reference.New())["deep"]
	scores := net.Scores(data.X)
	right := 0
	for i, c := range data.Y {
		if train.Argmax(scores.Row(i)) == c {
			right++
		}
	}
	if got, want := Accuracy(net, data), float64(right)/float64(data.Len()); got != want {
		t.Errorf("accuracy %v, want %v", got, want)
	}

	idx := make([]int, 300)
	nprand.New(1).Choice(idx, data.Len())
	right = 0
	scores = net.Scores(data.X)
	for _, i := range idx {
		if train.Argmax(scores.Row(i)) == data.Y[i] {
			right++
		}
	}
	if got, want := newEvaluator(net, 6).accuracy(data, idx), float64(right)/300; got != want {
		t.Errorf("accuracy of 300 draws %v, want %v", got, want)
	}
	if got := Accuracy(net, blobs[float64](0, 6, 4, 3)); !math.IsNaN(got) {
		t.Errorf("accuracy of no samples %v, want NaN", got)
	}
}
