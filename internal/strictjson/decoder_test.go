package strictjson_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/strictjson"
)

// A trial has all kinds of fields that a Decoder knows.
type trial struct {
	Key   string  `json:"key"`
	Sizes []int   `json:"sizes"`
	Split [3]int8 `json:"split"`
	Rate  float64 `json:"rate"`
	Small float32 `json:"small,omitempty"`
	Seed  *uint32 `json:"seed,omitempty"`
	Best  *inner  `json:"best"`
	Rungs []inner `json:"rungs"`
	Next  *struct {
		Key  string `json:"key"`
		Next *inner `json:"next"`
	} `json:"next"`
	Ended  time.Time `json:"ended"`
	Self   upper     `json:"self"`
	On     bool      `json:"on"`
	Plain  uint64
	Secret string `json:"-"`
	hidden string //lint:ignore U1000 a decoder must leave it alone
}

// A chain is a recursive type.
type chain struct {
	Next []*chain `json:"next"`
}

// An upper decodes itself.
type upper struct{ text string }

func (u *upper) UnmarshalJSON(b []byte) error {
	u.text = strings.ToUpper(string(b))
	return nil
}

// plainTexts are texts that a Decoder decodes itself.
var plainTexts = []string{
	`{}`,
	" {\n} ",
	`{"key":"a b","sizes":[1, -2 ,3],"split":[1,-128,127],"rate":-1.5e-3,"small":0.1,"seed":4294967295,"on":true,"Plain":18446744073709551615}`,
	`{"on":false,"sizes":[],"best":{"shape":[1],"ends":[0,18446744073709551615]},"rungs":[{},{"shape":[2]},{"ends":[1,2]}]}`,
	`{"next":{"key":"é","next":{"shape":[3]}},"key":""}`,
	`{"ended":"2024-02-29T12:00:00.5+02:00","self":{"a":[1,{"b":"c}"}],"d":null}}`,
	`{"self":[[],{},"]"]}`,
	`{"self":"x","rate":1E+2,"small":-0}`,
}

// otherTexts are texts that need Unmarshal, or that it refuses.
var otherTexts = []string{
	``, ` `, `null`, `[]`, `{`, `{"key"`, `{"key":`, `{"key":"`, `{"key":"a"`, `{"key":"a",}`, `{,"key":"a"}`, `{"key" "a"}`, `{} {}`, `{}x`,
	`{"key":null}`, `{"seed":null}`, `{"sizes":null}`, `{"split":null}`, `{"self":null}`, `{"self":3}`, `{"best":null}`, `{"on":null}`,
	`{"key":"a\n"}`, `{"k\u0065y":"a"}`, "{\"key\":\"\n\"}", "{\"key\":\"\xff\"}", "{\"\xff\":1}", `{"key":1}`, `{"key":"a","key":"a"}`,
	`{"Key":"a"}`, `{"plain":1}`, `{"Secret":"a"}`, `{"hidden":"a"}`, `{"new":1}`,
	`{"rate":01}`, `{"rate":+1}`, `{"rate":1.}`, `{"rate":.5}`, `{"rate":1e}`, `{"rate":1e400}`, `{"rate":NaN}`, `{"rate":0x1p-2}`, `{"rate":1_0}`, `{"rate":"1"}`,
	`{"rate":-}`, `{"rate":- 1}`, `{"small":1e39}`, `{"sizes":[1.5]}`, `{"sizes":[1e2]}`, `{"sizes":[1,]}`, `{"sizes":[,1]}`, `{"sizes":[1 2]}`, `{"sizes":{}}`,
	`{"split":[1,2]}`, `{"split":[1,2,3,4]}`, `{"split":[]}`, `{"split":[1,2,128]}`, `{"seed":-1}`, `{"seed":4294967296}`, `{"seed":-0}`,
	`{"best":{"shape":[1],"shape":[1]}}`, `{"best":{"Shape":[1]}}`, `{"rungs":[{"ends":[1]}]}`, `{"rungs":[null]}`,
	`{"self":{"a":1,"a":1}}`, `{"self":{"a":[1,}}`, `{"self":{"a"}`, `{"self":"a\n"}`, `{"self":]}`, `{"ended":"yesterday"}`, `{"ended":{}}`, `{"on":tru}`, `{"on":"true"}`, `{"on":1}`,
}

// same checks that a Decoder and Unmarshal agree on a text.
func same[T any](t *testing.T, d *strictjson.Decoder[T], text []byte) {
	t.Helper()
	var got, want T
	gotErr, wantErr := d.Decode(text, &got), strictjson.Unmarshal(text, &want)
	switch {
	case (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error():
		t.Fatalf("%q: error %v, want %v", text, gotErr, wantErr)
	case gotErr == nil && !reflect.DeepEqual(got, want):
		t.Fatalf("%q: %+v, want %+v", text, got, want)
	}
	if got = *new(T); d.Fast(text, &got) && (wantErr != nil || !reflect.DeepEqual(got, want)) {
		t.Fatalf("%q without Unmarshal: %+v, want %+v, error %v", text, got, want, wantErr)
	}
}

func TestDecoder(t *testing.T) {
	d := strictjson.NewDecoder[trial]()
	for _, text := range plainTexts {
		same(t, d, []byte(text))
		if !d.Fast([]byte(text), new(trial)) {
			t.Errorf("%s is not decoded without Unmarshal", text)
		}
	}
	for _, text := range otherTexts {
		same(t, d, []byte(text))
		if d.Fast([]byte(text), new(trial)) {
			t.Errorf("%s is decoded without Unmarshal", text)
		}
	}
}

// TestDecoderForgets checks that nothing of a value remains in the next one.
func TestDecoderForgets(t *testing.T) {
	d := strictjson.NewDecoder[trial]()
	var v trial
	for _, text := range append(plainTexts, `{"key":null}`) {
		if err := d.Decode([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		kept, again := v, v
		if err := d.Decode([]byte(`{"sizes":[7,7,7],"best":{"shape":[9]}}`), &again); err != nil {
			t.Fatal(err)
		}
		if same(t, d, []byte(text)); again.Key != "" || again.Next != nil || !reflect.DeepEqual(kept, v) {
			t.Errorf("%s: %+v follows %+v", text, again, v)
		}
	}
}

// TestDecoderOfOtherTypes uses types that a Decoder leaves to Unmarshal.
func TestDecoderOfOtherTypes(t *testing.T) {
	text := []byte(`{"a":{"b":1},"A":2}`)
	same(t, strictjson.NewDecoder[map[string]any](), text)
	same(t, strictjson.NewDecoder[any](), text)
	same(t, strictjson.NewDecoder[outer](), []byte(`{"name":"x","Plain":"y","by_name":{"a":{}}}`))
	same(t, strictjson.NewDecoder[struct{ A json.RawMessage }](), []byte(`{"A":{"b":1}}`))
	same(t, strictjson.NewDecoder[struct{ A []byte }](), []byte(`{"A":"AAEC"}`))
	same(t, strictjson.NewDecoder[struct {
		A int `json:",string"`
	}](), []byte(`{"A":"3"}`))
	same(t, strictjson.NewDecoder[struct {
		A int `json:"x"`
		B int `json:"X"`
	}](), []byte(`{"x":1,"X":2}`))
	same(t, strictjson.NewDecoder[struct{ A []string }](), []byte(`{"A":["a","b","b"]}`))
	same(t, strictjson.NewDecoder[*trial](), []byte(`{"key":"a"}`))
	same(t, strictjson.NewDecoder[**int](), []byte(`3`))
	d := strictjson.NewDecoder[chain]()
	for _, depth := range []int{0, 1, 100} {
		same(t, d, []byte(strings.Repeat(`{"next":[`, depth)+`{}`+strings.Repeat(`]}`, depth)))
	}
	if d.Fast([]byte(`{}`), new(chain)) {
		t.Error("a recursive type is decoded without Unmarshal")
	}
	same(t, strictjson.NewDecoder[[][]bool](), []byte(`[[true],[],[false,true]]`))
}

func FuzzDecoder(f *testing.F) {
	for _, text := range append(plainTexts, otherTexts...) {
		f.Add([]byte(text))
	}
	d, others := strictjson.NewDecoder[trial](), strictjson.NewDecoder[outer]()
	f.Fuzz(func(t *testing.T, text []byte) {
		same(t, d, text)
		same(t, strictjson.NewDecoder[trial](), text)
		same(t, others, text)
	})
}
