package strictjson_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"fusegrid/internal/strictjson"
)

// A written has fields that an Encoder finds in values, but not in the texts of a trial.
type written struct {
	Text   string      `json:"text,omitempty"`
	Rate   float64     `json:"rate"`
	Share  *float64    `json:"share,omitempty"`
	Small  float32     `json:"small,omitempty"`
	Big    int64       `json:"big,omitempty"`
	Plain  uint8       `json:",omitempty"`
	On     bool        `json:"on,omitempty"`
	Triple [3]int16    `json:"triple,omitempty"`
	None   [0]int      `json:"none,omitempty"`
	List   []float64   `json:"list,omitempty"`
	Lists  [][]int     `json:"lists"`
	In     inner       `json:"in,omitempty"`
	Ins    []*inner    `json:"ins"`
	Texts  []string    `json:"texts"`
	When   time.Time   `json:"when,omitempty"`
	Whens  []time.Time `json:"whens,omitempty"`
	Quoted quoted      `json:"quoted"`
	Raws   []asIs      `json:"raws,omitempty"`
	At     *asIs       `json:"at"`
	Secret string      `json:"-"`
	hidden string      //lint:ignore U1000 an encoder must leave it alone
}

// A quoted encodes itself, if its address is known, as JSON encodes a string.
type quoted string

func (q *quoted) MarshalJSON() ([]byte, error) { return json.Marshal("(" + string(*q) + ")") }

// An asIs encodes itself as a text that may be no JSON.
type asIs string

func (a asIs) MarshalJSON() ([]byte, error) {
	if a == "fail" {
		return nil, errors.New("this value fails")
	}
	return []byte(a), nil
}

// encodes checks that an Encoder and json.Marshal agree on a value, and reports whether the Encoder itself encodes it.
func encodes[T any](t *testing.T, e *strictjson.Encoder[T], v *T) (fast bool) {
	t.Helper()
	const before = "before"
	want, wantErr := json.Marshal(v)
	got, gotErr := e.Append([]byte(before), v)
	switch {
	case (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error():
		t.Fatalf("%+v: error %v, want %v", v, gotErr, wantErr)
	case string(got) != before+string(want):
		t.Fatalf("%+v:\n%s, want\n%s", v, got, want)
	}
	got, fast = e.Fast([]byte(before), v)
	if fast && (wantErr != nil || string(got) != before+string(want)) {
		t.Fatalf("%+v without json.Marshal:\n%s, want\n%s, error %v", v, got, want, wantErr)
	}
	return fast
}

// numbers are floats at the limits of the forms that JSON has.
var numbers = []float64{
	0, math.Copysign(0, -1), 1, -1.5, 0.1, 1e-6, math.Nextafter(1e-6, 0), 1e-7, 1e-9, 1.5e-10, 1e-100, 1e20, 1e21, math.Nextafter(1e21, 0), 123456789e15,
	1e22, -1e300, math.MaxFloat64, math.SmallestNonzeroFloat64, math.MaxFloat32, math.SmallestNonzeroFloat32, float64(float32(1e-6)), float64(float32(1e21)), 1 << 53,
}

// strange are strings that JSON escapes, or that look as if it did.
var strange = []string{
	"", "a b", "~\x7f", `"`, `\`, `a"b\c`, "<b>&amp;", "\x00\x1f\b\f\n\r\t", "é", "\u2028\u2029", "\xff", "a\xf0\x9f", "😀", "'/`", `\u0041`,
}

func TestEncoder(t *testing.T) {
	e := strictjson.NewEncoder[written]()
	check := func(what string, v *written) {
		if t.Helper(); !encodes(t, e, v) {
			t.Errorf("%s: %+v needs json.Marshal", what, v)
		}
	}
	check("the zero value", new(written))
	check("all fields", &written{
		Text: "x", Rate: 0.25, Share: new(0.0), Small: 0.1, Big: math.MinInt64, Plain: 255, On: true, Triple: [3]int16{1, 0, -1},
		List: []float64{}, Lists: [][]int{nil, {}, {1, -2}}, In: inner{Shape: []int{1}}, Ins: []*inner{nil, {}}, Texts: []string{"a", "", "b"},
		When: time.Unix(1, 5000).UTC(), Whens: []time.Time{time.Unix(1e9, 0).UTC(), {}}, Quoted: "q", Raws: []asIs{" [ 1 ] ", `{"a" : "<"}`, `"a b"`, `"a\"b"`, "3", "null"},
		At: new(asIs("[]")), Secret: "no",
	})
	for _, x := range numbers {
		small := float32(max(-math.MaxFloat32, min(x, math.MaxFloat32)))
		check("a number", &written{Rate: x, Share: &x, Small: small, List: []float64{x, x}})
	}
	for _, s := range strange {
		check("a string", &written{Text: s, Texts: []string{s}, Quoted: quoted(s)})
	}
	check("times", &written{Whens: []time.Time{time.Date(2024, 2, 29, 12, 0, 0, 5, time.FixedZone("", 3600)), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(1, 0, 0)}})
}

// TestEncoderErrors uses values that json.Marshal refuses, or that an Encoder leaves to it.
func TestEncoderErrors(t *testing.T) {
	e := strictjson.NewEncoder[written]()
	deep := new(chain)
	for range 100 {
		deep = &chain{Next: []*chain{deep, nil}}
	}
	endless := new(chain)
	endless.Next = []*chain{endless}
	for _, v := range []*chain{deep, endless, {}} {
		if encodes(t, strictjson.NewEncoder[chain](), v) {
			t.Error("a recursive type is encoded without json.Marshal")
		}
	}
	for _, v := range []*written{
		{Rate: math.NaN()}, {List: []float64{1, math.Inf(-1)}}, {Small: float32(math.Inf(1))}, {When: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Raws: []asIs{"["}}, {Raws: []asIs{`"`}}, {Raws: []asIs{`"a"b"`}}, {Raws: []asIs{"\"\n\""}}, {Raws: []asIs{""}}, {At: new(asIs("fail"))}, nil,
	} {
		if encodes(t, e, v) {
			t.Errorf("%+v is encoded without json.Marshal", v)
		}
	}
}

// A spoken encodes itself as text.
type spoken int

func (s spoken) MarshalText() ([]byte, error) { return []byte("spoken"), nil }

// TestEncoderOfOtherTypes uses types that an Encoder leaves to json.Marshal as a whole, and types that decode, but do
// not encode, themselves.
func TestEncoderOfOtherTypes(t *testing.T) {
	encodes(t, strictjson.NewEncoder[map[string]any](), &map[string]any{"b": 1, "a": nil})
	encodes(t, strictjson.NewEncoder[outer](), &outer{embedded: embedded{"x"}, Name: "<"})
	encodes(t, strictjson.NewEncoder[struct{ A []byte }](), &struct{ A []byte }{[]byte("a")})
	encodes(t, strictjson.NewEncoder[spoken](), new(spoken))
	encodes(t, strictjson.NewEncoder[[]spoken](), &[]spoken{1, 2})
	encodes(t, strictjson.NewEncoder[struct {
		A int `json:",string"`
	}](), &struct {
		A int `json:",string"`
	}{3})
	encodes(t, strictjson.NewEncoder[trial](), &trial{Key: "k", Self: upper{"x"}})
	encodes(t, strictjson.NewEncoder[*trial](), new(*trial))
	encodes(t, strictjson.NewEncoder[**int](), new(new(new(3))))
	encodes(t, strictjson.NewEncoder[[][]bool](), &[][]bool{{true}, {}, nil})
}

func FuzzEncoder(f *testing.F) {
	for i, x := range numbers {
		f.Add(strange[i%len(strange)], x, float32(x), int64(i)-3, uint64(1)<<i)
	}
	f.Add("[1, 2]", math.NaN(), float32(1), int64(0), uint64(7))
	f.Add(` {"a" : "\u003c"} `, math.Inf(1), float32(0), int64(math.MinInt64), uint64(math.MaxUint64))
	e, others := strictjson.NewEncoder[written](), strictjson.NewEncoder[trial]()
	f.Fuzz(func(t *testing.T, text string, x float64, y float32, n int64, bits uint64) {
		has := func(bit int) bool { return bits>>bit&1 != 0 }
		v := written{Text: text, Rate: x, Small: y, Big: n, Plain: uint8(n), On: has(0), Triple: [3]int16{int16(n)}, Quoted: quoted(text)}
		if has(1) {
			v.Share, v.List = &x, []float64{x, float64(y), float64(n)}
		}
		if has(2) {
			v.Texts, v.Lists = []string{text, ""}, [][]int{{int(n)}, nil}
		}
		if has(3) {
			v.At, v.Raws = new(asIs(text)), []asIs{asIs(text)}
		}
		if has(4) {
			v.When = time.Unix(n, int64(bits>>32)).UTC()
			v.Whens = []time.Time{v.When.In(time.FixedZone("", int(bits%100_000)))}
		}
		if has(5) {
			v.In, v.Ins = inner{Shape: []int{int(n)}, Ends: [2]uint64{bits}}, []*inner{nil, &v.In}
		}
		encodes(t, e, &v)
		encodes(t, others, &trial{Key: text, Rate: x, Small: y, Seed: new(uint32(bits)), Sizes: slices.Repeat([]int{int(n)}, int(bits%4)), Ended: v.When, On: has(6)})
	})
}
