package results

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestKey pins the canonical form, because a change would invalidate all existing journals.
func TestKey(t *testing.T) {
	c := trial(7).Config
	want := `fusegrid-trial/1
batch=200
class=fma
data=5ad1
decay=0.95
dtype=f32
hidden=50
iters=1000
lr=0.0001
net=two-layer
pixels=hwc
reg=0.25
seed=7
split=49000/1000/1000
std=0.0001
`
	if got := c.Canonical(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := c.Key(), "167ce7f1d198e1999a8f6bd53befdb1fe848c17681442d33c7492274fad847d8"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

// TestKeyDependsOnAll checks that the key and Equal depend on each field.
func TestKeyDependsOnAll(t *testing.T) {
	keys := map[string]string{trial(0).Config.Key(): "none"}
	typ := reflect.TypeFor[Config]()
	for i := range typ.NumField() {
		c, same := trial(0).Config, trial(0).Config
		if !c.Equal(&same) {
			t.Fatal("a configuration is not equal to itself")
		}
		switch f := reflect.ValueOf(&c).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("other")
		case reflect.Float64:
			f.SetFloat(math.Nextafter(f.Float(), 1e9))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int:
			f.SetInt(f.Int() + 1)
		case reflect.Uint32:
			f.SetUint(f.Uint() + 1)
		case reflect.Pointer:
			f.Set(reflect.ValueOf(new(uint32))) // order 0 differs from a missing order
		case reflect.Slice:
			if f.Type() == reflect.TypeFor[Params]() {
				f.Set(reflect.ValueOf(Params{{Name: "x"}}))
			} else {
				f.Set(reflect.ValueOf([]int{5, 0}))
			}
		case reflect.Array:
			f.Index(2).SetInt(1)
		default:
			t.Fatalf("no change for %s", typ.Field(i).Name)
		}
		if was, ok := keys[c.Key()]; ok {
			t.Errorf("changing %s gives the key of changing %s", typ.Field(i).Name, was)
		}
		if c.Equal(&same) {
			t.Errorf("Equal does not see %s", typ.Field(i).Name)
		}
		keys[c.Key()] = typ.Field(i).Name
	}
}

// TestDivision checks that an empty Division means floor division, as in older records.
func TestDivision(t *testing.T) {
	c := trial(0).Config
	c.Batch = 128
	floor := c.Key()
	if text := c.Canonical(); strings.Contains(text, "division") {
		t.Errorf("a line for floor division:\n%s", text)
	}
	c.Division = "true"
	if text := c.Canonical(); !strings.Contains(text, "\ndivision=true\ndtype=") || c.Key() == floor {
		t.Errorf("no line for true division:\n%s", text)
	}
	for _, tt := range []struct {
		net     string
		batch   int
		matters bool
	}{
		{"two-layer", 128, true}, {"two-layer", 450, true}, {"two-layer", 48999, true}, {"two-layer", 200, false},
		{"two-layer", 1, false}, {"two-layer", 49000, false}, {"two-layer", 50000, false}, {"two-layer", 0, false}, {"fc", 128, false},
	} {
		c := Config{Net: tt.net, Batch: tt.batch, Split: [3]int{49000, 1000, 1000}}
		if c.DivisionMatters() != tt.matters {
			t.Errorf("%s, batch %d: the division matters: %v", tt.net, tt.batch, !tt.matters)
		}
	}

	r := trial(0)
	r.Config.Division = "true"
	if caption := NewTable([]Record{r}).Caption(); !strings.Contains(caption, ", division true, ") {
		t.Errorf("caption %q", caption)
	}
	var b strings.Builder
	if err := NewTable([]Record{r, trial(0)}).WriteText(&b, 200, 0); err != nil || !strings.Contains(b.String(), " division ") || !strings.Contains(b.String(), " floor ") || !strings.Contains(b.String(), " true ") {
		t.Errorf("%v, no column with both divisions:\n%s", err, &b)
	}
}

func TestEqualOrders(t *testing.T) {
	c, d := trial(0).Config, trial(0).Config
	c.Order, d.Order = ptr[uint32](3), ptr[uint32](3)
	if !c.Equal(&d) {
		t.Error("two orders of one value differ")
	}
	if *d.Order = 4; c.Equal(&d) {
		t.Error("orders 3 and 4 are equal")
	}
}

func TestFLOPs(t *testing.T) {
	c := Config{Batch: 200, Hidden: []int{50}}
	if got, want := c.FLOPs(3072, 10), 4.0*200*3072*50+6*200*50*10; got != want {
		t.Errorf("two-layer: %g, want %g", got, want)
	}
	c.Hidden = []int{100, 20}
	if got, want := c.FLOPs(3072, 10), 200*(4.0*3072*100+6*100*20+6*20*10); got != want {
		t.Errorf("three layers: %g, want %g", got, want)
	}
	if len(c.Hidden) != 2 || !strings.Contains(c.Canonical(), "hidden=100x20") {
		t.Errorf("hidden %v", c.Hidden)
	}
}

func TestBrief(t *testing.T) {
	c := Config{LR: 0.1234567890123, Hidden: []int{3, 4}, Seed: 5, Net: "fc"}
	for name, want := range map[string]string{"lr": "0.123457", "hidden": "3x4", "seed": "5", "net": "fc", "mu": "-", "order": "-", "reg": "0", "colour": ""} {
		if got := c.Brief(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	c := trial(0).Config
	b.ReportAllocs()
	for b.Loop() {
		c.Key()
	}
}
