package results

import (
	"bytes"
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
		texts := []string{"", "plain", `"quotes" and \`, "<&>", "tab\t, bell\a", "λ\u2028", "a\nb"}
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
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(rng, v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[Params]() { // names are restricted, and words are not empty
			if rng.IntN(2) == 0 {
				v.Set(reflect.ValueOf(Params{{Name: "x", Number: rng.NormFloat64()}, {Name: "method", Word: "a \"word\""}, {Name: "n", Number: float64(rng.IntN(9) - 4), Whole: true}, {Name: "one", Number: 1}}))
			}
			return
		}
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

// TestJournalKeepsAllFields writes and reads records with random values in all fields.
func TestJournalKeepsAllFields(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draws := 20_000
	if testing.Short() {
		draws = 1_000
	}
	for range draws {
		var want Record
		fill(rng, reflect.ValueOf(&want).Elem())
		want.Config.Mu += 0 // a grid has no negative zero
		want.Config.Minimize = want.Config.Minimize && want.Config.Objective != ""
		want.State, want.Key = Done, want.Config.Key()
		got, recovery, err := ReadJournal(bytes.NewReader(contents(t, []Record{want})), "j")
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %+v, %d records", err, recovery, len(got))
		}
		// An empty list may be missing or empty.
		for _, r := range []*Record{&got[0], &want} {
			if len(r.Config.Hidden) == 0 {
				r.Config.Hidden = nil
			}
			if len(r.Rungs) == 0 {
				r.Rungs = nil
			}
		}
		if !reflect.DeepEqual(got[0], want) {
			t.Fatalf("got\n%+v\nwant\n%+v", got[0], want)
		}
	}
}

// TestJournalRefusesValues appends values that JSON cannot represent. The journal must remain usable.
func TestJournalRefusesValues(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(r *Record)
	}{
		{"NaN", func(r *Record) { r.Accuracy.FinalVal = ptr(math.NaN()) }},
		{"infinite speed", func(r *Record) { r.Speed.FLOPs = math.Inf(1) }},
		{"year of 5 digits", func(r *Record) { r.Ended = r.Ended.AddDate(10_000, 0, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := new(file)
			j, _, _, err := NewJournal(f, "j")
			if err != nil {
				t.Fatal(err)
			}
			r := trial(1)
			c.spoil(&r)
			if err := j.Append(trial(0), r); err == nil || string(f.data) != string(header()) {
				t.Errorf("error %v, and the journal is\n%s", err, f.data)
			}
			if err := j.Append(trial(0)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOneEntryAField follows the recipe for a new field. One entry in the list must suffice for the key,
// both tables, and the columns that vary. The journal and equality follow from the fields of the Go struct.
func TestOneEntryAField(t *testing.T) {
	fields, names, old := configFields, byName, columns
	defer func() { configFields, byName, columns = fields, names, old }()
	dropout := map[uint32]string{1: "0.5"} // by seed, because a test cannot add a field to a Go struct
	configFields = append(slices.Clone(fields), configField{
		name: "dropout", optional: true, kind: Number,
		value: func(b []byte, c *Config) []byte { return append(b, dropout[c.Seed]...) },
	})
	byName, columns = sortedByName(configFields), tableColumns(configFields)

	without, with := trial(0), trial(1)
	if text := with.Config.Canonical(); !strings.Contains(text, "\ndropout=0.5\n") {
		t.Errorf("the key does not depend on it:\n%s", text)
	}
	if text := without.Config.Canonical(); strings.Contains(text, "dropout") {
		t.Errorf("keys from before are no longer valid:\n%s", text)
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
}

// TestEqualFields checks that two configurations have equal values of a field if these have the same text.
func TestEqualFields(t *testing.T) {
	var all []*Record
	for _, table := range []*Table{randomTable(60), randomFunctions(60, true)} {
		all = append(all, table.records...)
	}
	all[0].Config.LR, all[1].Config.LR = math.NaN(), math.NaN()
	for _, fields := range [][]configField{configFields, fieldsOf(all)} {
		for _, f := range fields {
			equal := 0
			for _, r := range all {
				for _, s := range all {
					want := bytes.Equal(f.value(nil, &r.Config), f.value(nil, &s.Config))
					if got := f.equal(&r.Config, &s.Config); got != want {
						t.Fatalf("%s of %+v and %+v: %t, want %t", f.name, r.Config, s.Config, got, want)
					}
					if want {
						equal++
					}
				}
			}
			if equal == len(all) {
				t.Errorf("%s: no two records have the same value", f.name)
			}
		}
	}
}
