package results

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fill sets v to a random value, or leaves it zero with probability ⅓.
func fill(rng *rand.Rand, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(rng.Int64N(1e10), rng.Int64N(3)*1e8).UTC()))
		return
	}
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			fill(rng, v.Field(i))
		}
		return
	}
	if rng.IntN(3) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		texts := []string{"", "plain", `"quotes" and \`, "<&>", "tab\t, bell\a", "λ\u2028", "\xff", "a\nb"}
		v.SetString(texts[rng.IntN(len(texts))])
	case reflect.Float64:
		numbers := []float64{0, math.Copysign(0, -1), 1, -0.1, 1e-6, 9.99e-7, -1.5e-9, 1e-10, 1e20, 1e21, -1e22, 1e100, math.MaxFloat64, math.SmallestNonzeroFloat64}
		v.SetFloat(numbers[rng.IntN(len(numbers))])
		if rng.IntN(2) == 0 {
			v.SetFloat(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(60)-30)))
		}
	case reflect.Int:
		v.SetInt(rng.Int64() - 1<<62)
	case reflect.Uint32:
		v.SetUint(uint64(rng.Uint32()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(rng, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rng.IntN(4), 4))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(rng, v.Index(i))
		}
	default:
		panic(v.Type())
	}
}

// TestAppendRecord checks appendRecord against encoding/json for all fields of a record.
func TestAppendRecord(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draws := 20_000
	if testing.Short() {
		draws = 2_000
	}
	for range draws {
		var r, got, want Record
		fill(rng, reflect.ValueOf(&r).Elem())
		text, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		line, err := appendRecord([]byte("before"), &r)
		line, ok := bytes.CutPrefix(line, []byte("before"))
		if err != nil || !ok || bytes.ContainsRune(line, '\n') {
			t.Fatalf("%v, %s", err, line)
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		// An empty list may be missing or empty.
		for _, r := range []*Record{&got, &want} {
			if len(r.Config.Hidden) == 0 {
				r.Config.Hidden = nil
			}
			if len(r.Rungs) == 0 {
				r.Rungs = nil
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", line, text)
		}
	}
}

func TestAppendRecordRefuses(t *testing.T) {
	for name, spoil := range map[string]func(r *Record){
		"NaN":              func(r *Record) { r.Accuracy.FinalVal = ptr(math.NaN()) },
		"infinite speed":   func(r *Record) { r.Speed.FLOPs = math.Inf(1) },
		"year of 5 digits": func(r *Record) { r.Ended = r.Ended.AddDate(10_000, 0, 0) },
	} {
		r := trial(1)
		spoil(&r)
		if got, err := appendRecord([]byte("before"), &r); err == nil || string(got) != "before" {
			t.Errorf("%s: %v, %s", name, err, got)
		}
		if _, err := json.Marshal(&r); err == nil {
			t.Errorf("%s: encoding/json takes it", name)
		}
	}
}

// TestOneEntryAField follows the recipe for a new field. One entry in the list must suffice for the key,
// the journal, both tables, the columns that vary, and equality.
func TestOneEntryAField(t *testing.T) {
	fields, names, columns := configFields, byName, data
	defer func() { configFields, byName, data = fields, names, columns }()
	dropout := map[uint32]string{1: "0.5"} // by seed, because a test cannot add a field to a Go struct
	configFields = append(slices.Clone(fields), configField{
		name: "dropout", optional: true,
		equal: func(c, d *Config) bool { return dropout[c.Seed] == dropout[d.Seed] },
		value: func(b []byte, c *Config) []byte { return append(b, dropout[c.Seed]...) },
	})
	byName, data = sortedByName(configFields), tableColumns(configFields)

	without, with := trial(0), trial(1)
	if text := with.Config.Canonical(); !strings.Contains(text, "\ndropout=0.5\n") {
		t.Errorf("the key does not depend on it:\n%s", text)
	}
	if text := without.Config.Canonical(); strings.Contains(text, "dropout") {
		t.Errorf("keys from before are no longer valid:\n%s", text)
	}
	line, err := appendRecord(nil, &with)
	if err != nil || !strings.Contains(string(line), `,"dropout":0.5`) {
		t.Errorf("%v, not in the journal: %s", err, line)
	}
	var text, csv, jsonl strings.Builder
	table := NewTable([]Record{without, with})
	for _, err := range []error{table.WriteText(&text, 200, 0), table.WriteCSV(&csv), table.WriteJSONL(&jsonl)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"text": {text.String(), " dropout "}, "CSV": {csv.String(), ",dropout,"}, "JSONL": {jsonl.String(), `,"dropout":0.5`},
	} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("%s lacks it:\n%s", name, c.text)
		}
	}
	c := with.Config
	if delete(dropout, 1); !c.Equal(&with.Config) {
		t.Error("a configuration is not equal to itself")
	}
	d := c
	d.Seed, dropout[2] = 2, "0.1"
	configFields = configFields[len(configFields)-1:]
	if c.Equal(&d) {
		t.Error("equality does not ask for it")
	}
}
