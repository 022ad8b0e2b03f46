package strictjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/golden"
	"fusegrid/internal/strictjson"
)

type inner struct {
	Shape []int     `json:"shape"`
	Ends  [2]uint64 `json:"ends"`
}

type embedded struct {
	Plain string
}

type outer struct {
	embedded
	Name   string           `json:"name"`
	In     inner            `json:"in"`
	Ptr    *inner           `json:"ptr,omitempty"`
	List   []inner          `json:"list"`
	ByName map[string]inner `json:"by_name"`
	Raw    json.RawMessage  `json:"raw"`
	Any    any              `json:"any"`
	When   time.Time        `json:"when"`
	Next   *outer           `json:"next"`
	Secret string           `json:"-"`
}

func TestAccepted(t *testing.T) {
	for _, text := range []string{
		`{}`, ` { } `, `null`,
		`{"name":"a\"}{","in":{"shape":[1, 2 ],"ends":[1,2]},"ptr":null,"list":[],"any":[{"a":1},{"a":-1.5e3}]}`,
		`{"by_name":{"W1":{"shape":null},"w1":{}}, "when":"2024-02-29T12:00:00Z", "Plain":"x"}`,
		`{"new":1,"newer":{"a":[true,false,null]},"NEWER":2,"Secret":"a field that JSON does not have"}`,
		`{"\u006eame":"escaped"}`,
		`{"next":{"name":"a","next":{"name":"b"}}}`,
	} {
		var got, want outer
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if err := strictjson.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"equal values", `{"name":"a","name":"a"}`},
		{"escaped name", `{"name":"a","\u006eame":"b"}`},
		{"other case", `{"Name":"a"}`},
		{"other case, later", `{"name":"a","NAME":"b"}`},
		{"folded name", `{"ptr":{"ſhape":[1]}}`}, // ſ folds to s, as in encoding/json
		{"field without a tag", `{"plain":"a"}`},
		{"in a struct", `{"in":{"shape":[1],"shape":[2]}}`},
		{"long array", `{"in":{"ends":[1,2,3]}}`},
		{"short array", `{"in":{"ends":[1]}}`},
		{"empty array", `{"in":{"ends":[]}}`},
		{"in a list", `{"list":[{},{"Ends":[1,2]}]}`},
		{"in a map", `{"by_name":{"a":{},"b":{},"a":{}}}`},
		{"in a value of a map", `{"by_name":{"a":{"Shape":[]}}}`},
		{"in raw JSON", `{"raw":{"a":1,"a":1}}`},
		{"in any value", `{"any":[1,{"b":{"a":1,"c":2,"a":1}}]}`},
		{"unknown name", `{"new":1,"name":"x","new":1}`},
		{"in an unknown value", `{"new":{"a":1,"a":2}}`},
		{"in a recursive type", `{"next":{"next":{"Name":"x"}}}`},
		{"invalid UTF-8", "{\"any\":{\"\xff\":1,\"\xfe\":2}}"}, // encoding/json reads both as U+FFFD
		{"truncated", `{"name":"a"`},
		{"another type", `{"name":1}`},
		{"long name", `{"any":{"` + strings.Repeat("x", 100) + `":1,"` + strings.Repeat("x", 100) + `":1}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v outer
			err := strictjson.Unmarshal([]byte(c.text), &v)
			if err == nil {
				t.Fatalf("%s is accepted", c.text)
			}
			golden.Check(t, "testdata/errors.txt", err.Error())
		})
	}
}

func TestUnmarshalKnown(t *testing.T) {
	var v inner
	if err := strictjson.UnmarshalKnown([]byte(`{"shape":[1],"ends":[0,4]}`), &v); err != nil || v.Ends[1] != 4 {
		t.Errorf("%+v, error %v", v, err)
	}
	if err := strictjson.UnmarshalKnown([]byte(`{"shape":[1],"size":4}`), &v); err == nil || !strings.Contains(err.Error(), `unknown name "size"`) {
		t.Errorf("error %v", err)
	}
}

// TestManyFields uses a type with more fields than the scanner's fixed buffer holds.
func TestManyFields(t *testing.T) {
	var fields []reflect.StructField
	for i := range 100 {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int]()})
	}
	v := reflect.New(reflect.StructOf(fields))
	if err := strictjson.Unmarshal([]byte(`{"F99":1,"F0":2,"F98":3}`), v.Interface()); err != nil || v.Elem().Field(98).Int() != 3 {
		t.Errorf("%v, error %v", v.Elem(), err)
	}
	if err := strictjson.Unmarshal([]byte(`{"F99":1,"F0":2,"F99":3}`), v.Interface()); err == nil {
		t.Error("Unmarshal accepts F99 twice")
	}
}

// unequal reads the next value and reports whether the names in each of its objects differ.
func unequal(dec *json.Decoder) bool {
	tok, err := dec.Token()
	if err != nil {
		panic(err)
	}
	differ := true
	if d, ok := tok.(json.Delim); ok {
		seen := map[string]bool{}
		for dec.More() {
			if d == '{' {
				name, err := dec.Token()
				if err != nil {
					panic(err)
				}
				differ = differ && !seen[name.(string)]
				seen[name.(string)] = true
			}
			differ = unequal(dec) && differ
		}
		if _, err := dec.Token(); err != nil {
			panic(err)
		}
	}
	return differ
}

// FuzzUnmarshal checks the scanner against the tokens of encoding/json.
func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{`{"a":1,"a":2}`, `[{"a":[]},{"b":{"\u0061":1,"a":2}}]`, `"x"`, ` -1.5e3 `, "{\"\xff\":1,\"\\ufffd\":2}", `[[],{},null,true]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v, plain any
		err := strictjson.Unmarshal(text, &v)
		if invalid := json.Unmarshal(text, &plain); invalid != nil {
			if err == nil {
				t.Fatal("Unmarshal accepts a text that is not JSON")
			}
			return
		}
		if want := unequal(json.NewDecoder(bytes.NewReader(text))); want != (err == nil) {
			t.Fatalf("all names differ: %v; error %v", want, err)
		}
		if err == nil && !reflect.DeepEqual(v, plain) {
			t.Fatalf("%v, want %v", v, plain)
		}
		var o outer // the scanner must end for any type
		_ = strictjson.Unmarshal(text, &o)
	})
}

func TestWrongTypes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`3`, "the value is of type number, want an object"},
		{`{"text":3}`, `the value of "text" is of type number, want a string`},
		{`{"list":{}}`, `the value of "list" is of type object, want an array`},
		{`{"count":1.5}`, `the value of "count" is of type number 1.5, want a whole number from 0`},
		{`{"inner":{"rate":"x"}}`, `the value of "inner.rate" is of type string, want a number`},
		{`{"flag":0}`, `the value of "flag" is of type number, want true or false`},
	} {
		t.Run(c.text, func(t *testing.T) {
			var v struct {
				Text  string `json:"text"`
				List  []int  `json:"list"`
				Count uint8  `json:"count"`
				Flag  bool   `json:"flag"`
				Inner struct {
					Rate float64 `json:"rate"`
				} `json:"inner"`
			}
			if err := strictjson.Unmarshal([]byte(c.text), &v); err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}
