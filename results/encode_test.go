package results

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// fill sets v to something, or, one time in three, leaves it zero.
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

// TestAppendRecord holds it to encoding/json, with all fields of a record that there are.
func TestAppendRecord(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var r Record
		fill(rng, reflect.ValueOf(&r).Elem())
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(&r); err != nil {
			t.Fatal(err)
		}
		got, err := appendRecord([]byte("before"), &r)
		if err != nil || string(got) != "before"+string(bytes.TrimSpace(want.Bytes())) {
			t.Fatalf("%v, got\n%s\nwant\n%s", err, got, want.Bytes())
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
