package grid

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"
)

// TestPoints compares ranges with those of NumPy, bit by bit. If a point differs, it must be a
// number of few digits, and the point of NumPy must differ from it by rounding errors.
func TestPoints(t *testing.T) {
	text, err := os.ReadFile("testdata/points.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden []struct {
		Range  string
		Points []float64
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	same, rounder := 0, 0
	for _, g := range golden {
		got, err := Floats{Zero: true}.list("reg", g.Range)
		if err != nil || len(got) != len(g.Points) {
			t.Fatalf("%s: %v, %v", g.Range, got, err)
		}
		for i, v := range got {
			switch want := g.Points[i]; {
			case v == want:
				same++
			case len(strconv.FormatFloat(v, 'e', -1, 64)) <= len("1.23456e-123") && math.Abs(v-want) <= 4*(math.Nextafter(v, math.Inf(1))-v):
				rounder++
			default:
				t.Errorf("%s: point %d is %v, NumPy's is %v", g.Range, i+1, v, want)
			}
		}
	}
	t.Logf("%d points as NumPy's, %d rounder", same, rounder)
	if same < 150 || rounder > 20 {
		t.Errorf("%d points as NumPy's, %d rounder; want at least 150 and few", same, rounder)
	}
	got, err := Floats{}.list("lr", "log:1e-4..1e-3:5")
	if want := []float64{1e-4, 0.00017782794100389227, 0.00031622776601683794, 0.0005623413251903491, 1e-3}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// TestCorrectlyRounded compares powers and logarithms with exact results that are easy to compute,
// and checks that log10 inverts exp10.
func TestCorrectlyRounded(t *testing.T) {
	for k := -320; k <= 308; k++ {
		want, err := strconv.ParseFloat("1e"+strconv.Itoa(k), 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := exp10(float64(k)); got != want {
			t.Errorf("10^%d is %v", k, got)
		}
		if got := log10(want); k > -308 && got != float64(k) {
			t.Errorf("log10 of 1e%d is %v", k, got)
		}
	}
	// 10^k lies between the fourth powers of the two midpoints next to the correctly rounded
	// 10^(k/4).
	for k := -40; k <= 40; k++ {
		v := exp10(float64(k) / 4)
		fourth := func(other float64) int {
			mid := new(big.Rat).Add(new(big.Rat).SetFloat64(v), new(big.Rat).SetFloat64(other))
			mid.Quo(mid, big.NewRat(2, 1))
			mid.Mul(mid, mid)
			mid.Mul(mid, mid)
			ten, _ := new(big.Rat).SetString("1e" + strconv.Itoa(k))
			return mid.Cmp(ten)
		}
		if fourth(math.Nextafter(v, 0)) > 0 || fourth(math.Nextafter(v, math.MaxFloat64)) < 0 {
			t.Errorf("10^(%d/4) is %v, not the nearest number", k, v)
		}
	}
	one, _ := power(new(big.Float).SetPrec(precision).Quo(ln2, ln10)).Float64()
	if one != 2 {
		t.Errorf("10^log10(2) is %v", one)
	}
}
