package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fusegrid/internal/strictjson"
)

func TestParamsJSON(t *testing.T) {
	ps := Params{{Name: "x", Number: 0.1}, {Name: "method", Word: "l-\"bfgs\""}, {Name: "a", Number: -1e300}, {Name: "b", Number: 2}, {Name: "n", Number: -1 << 53, Whole: true}, {Name: "c", Number: 1e20}}
	b, err := json.Marshal(Config{Objective: "f", Params: ps})
	if err != nil {
		t.Fatal(err)
	}
	if want := `"objective":"f","params":{"x":0.1,"method":"l-\"bfgs\"","a":-1e+300,"b":2.0,"n":-9007199254740992,"c":100000000000000000000.0}}`; !strings.HasSuffix(string(b), want) {
		t.Errorf("%s, want %s at the end", b, want)
	}
	var c Config
	if err := strictjson.Unmarshal(b, &c); err != nil || !reflect.DeepEqual(c.Params, ps) {
		t.Errorf("%v, error %v", c.Params, err)
	}
	var large Params
	if err := json.Unmarshal([]byte(`{"a":9007199254740993,"b":9007199254740994,"c":-1e3}`), &large); err != nil || !large[0].Whole || large[1].Whole || large[2].Whole {
		t.Errorf("%+v, error %v", large, err)
	}
	if b, err := json.Marshal(Config{}); err != nil || bytes.Contains(b, []byte("params")) || bytes.Contains(b, []byte("objective")) {
		t.Errorf("a net has %s", b)
	}
	if _, err := json.Marshal(Params{{Name: "x", Number: math.NaN()}}); err == nil {
		t.Error("NaN is in JSON")
	}
	if b, err := json.Marshal(Config{Objective: "f", Minimize: true}); err != nil || !strings.HasSuffix(string(b), `"objective":"f","minimize":true}`) {
		t.Errorf("minimized: %s, %v", b, err)
	}
	for _, bad := range []string{`[]`, `{"x":1,"x":2}`, `{"x":null}`, `{"x":""}`, `{"x":{}}`, `{"x":[1]}`, `{"x":true}`, `{"x":1e999}`, `7`} {
		var ps Params
		if err := json.Unmarshal([]byte(bad), &ps); err == nil {
			t.Errorf("%s gives %v", bad, ps)
		}
	}
}

// TestParamsKey checks that keys do not depend on the order of parameters, but on names, values and their kind.
func TestParamsKey(t *testing.T) {
	key := func(ps ...Param) string { return Config{Objective: "f", Params: ps}.Key() }
	x, y := Param{Name: "x", Number: 1}, Param{Name: "y", Number: 2}
	if key(x, y) != key(y, x) {
		t.Error("the key depends on the order")
	}
	seen := map[string]bool{}
	for _, k := range []string{
		key(), key(x), key(y), key(x, y), key(Param{Name: "x", Word: "1"}), key(Param{Name: "x", Number: 2}, Param{Name: "y", Number: 1}),
		key(Param{Name: "x", Word: "1\" \"y\"=2"}), Config{Objective: "g", Params: Params{x}}.Key(), Config{}.Key(),
	} {
		if seen[k] {
			t.Errorf("two configurations have the key %s", k)
		}
		seen[k] = true
	}
}

// TestMinimize compares trials that are minimized with trials of the negative values that are maximized. All orders
// are the same, and the best value of a setting is the lowest.
func TestMinimize(t *testing.T) {
	const keyOfMaximized = "fusegrid-trial/1\nbatch=0\nclass=\ndata=\ndecay=0\ndtype=\nhidden=\niters=0\nlr=0\n"
	var up, down []Record
	for x := range 20 {
		for seed := range 3 {
			r := Record{State: Done, Config: Config{Objective: "f", Seed: uint32(seed), Params: Params{{Name: "x", Number: float64(x % 5)}, {Name: "y", Number: float64(x / 5)}}}}
			v := math.Sin(float64(7*x)) + math.Cos(float64(x*seed*seed)) + float64(seed)/9 // the mean, the best and the interval differ
			switch {
			case x == 1 && seed == 1:
				r.State = Diverged
			case x == 2:
				r.State, r.Steps, r.Race, r.Rungs = Stopped, 5, "median", []Rung{{5, v}}
			}
			if r.State != Diverged {
				r.Accuracy.FinalVal = new(v)
			}
			r.Key = r.Config.Key()
			if text := r.Config.Canonical(); !strings.HasPrefix(text, keyOfMaximized) || strings.Contains(text, "minimize") {
				t.Fatalf("the key of a trial that is maximized is that of %s", text)
			}
			up = append(up, r)
			r.Config.Minimize = true
			if r.Accuracy.FinalVal != nil {
				r.Accuracy.FinalVal = new(-v)
			}
			if r.Rungs != nil {
				r.Rungs = []Rung{{5, -v}}
			}
			r.Key = r.Config.Key()
			if text := r.Config.Canonical(); !strings.Contains(text, "\nminimize=true\n") || r.Key == up[len(up)-1].Key {
				t.Fatalf("the key of a trial that is minimized is that of %s", text)
			}
			down = append(down, r)
		}
	}
	point := func(r *Record) string { return fmt.Sprint(r.Config.Params, r.Config.Seed) }
	for _, by := range Orders() {
		a, b := NewTableBy(up, by), NewTableBy(down, by)
		for row := range a.Len() {
			if point(a.Record(row)) != point(b.Record(row)) {
				t.Errorf("row %d is %s, want %s", row, point(b.Record(row)), point(a.Record(row)))
			}
		}
		for i, s := range a.Summary().Settings() {
			m := b.Summary().Settings()[i]
			same := func(x, y float64) bool { return x == -y || math.IsNaN(x) && math.IsNaN(y) }
			if point(s.Trials[0]) != point(m.Trials[0]) || !same(s.Best(), m.Best()) || !same(s.Worst(), m.Worst()) || s.Val.N > 0 && !near(s.Val.Mean, -m.Val.Mean, 1e-12) {
				t.Errorf("by %s: setting %d is %s with %g and %g, want %s with −%g and −%g", by, i, point(m.Trials[0]), m.Best(), m.Worst(), point(s.Trials[0]), s.Best(), s.Worst())
			}
		}
	}
	table := NewTable(down)
	im, err := table.Importance()
	if want, err2 := NewTable(up).Importance(); err != nil || err2 != nil || fmt.Sprint(im) != fmt.Sprint(want) {
		t.Errorf("importance %v, %v; want %v, %v", im, err, want, err2)
	}
	var b strings.Builder
	if err := table.WriteCSV(&b); err != nil || !strings.HasPrefix(b.String(), "rank,key,state,steps,objective,minimize,iters,") || strings.Count(b.String(), ",f,true,0,") != len(down) {
		t.Errorf("%s, error %v", b.String(), err)
	}
	if want := "objective f, minimized, iters 0"; table.Summary().Caption() != want {
		t.Errorf("caption %s, want %s", table.Summary().Caption(), want)
	}
	net := Record{State: Failed, Config: Config{Minimize: true}}
	net.Key = net.Config.Key()
	if err := net.check(); err == nil {
		t.Error("a net is minimized")
	}
}

// TestTableOfFunction shows trials of a function.
func TestTableOfFunction(t *testing.T) {
	var records []Record
	for i, word := range []string{"bfgs", "cg", "newton"} {
		r := Record{State: Done, Config: Config{Objective: "f", Params: Params{{Name: "x", Number: float64(i) / 3}, {Name: "method", Word: word}, {Name: "n", Number: 7}, {Name: "m", Number: 1e6, Whole: true}}}}
		r.Accuracy.FinalVal = new(1e-9 * float64(i))
		r.Key = r.Config.Key()
		records = append(records, r)
	}
	table := NewTable(records)
	var b strings.Builder
	if err := table.WriteText(&b, 80, 0); err != nil {
		t.Fatal(err)
	}
	want := "       x  method    val   sec\n0.666667  newton  2e-09  0.00\n0.333333      cg  1e-09  0.00\n       0    bfgs      0  0.00\n"
	if b.String() != want || table.Caption() != "objective f, iters 0, seed 0, n 7, m 1000000" {
		t.Errorf("%s\n%s\nwant\n%s", table.Caption(), b.String(), want)
	}
	b.Reset()
	if err := table.WriteCSV(&b); err != nil || !strings.HasPrefix(b.String(), "rank,key,state,steps,objective,iters,seed,x,method,n,m,train,val,") {
		t.Errorf("%s, error %v", b.String(), err)
	}
	kinds := map[string]Kind{}
	for _, c := range table.Columns() {
		kinds[c.Name] = c.Kind
	}
	if kinds["x"] != Number || kinds["n"] != Number || kinds["m"] != Integer || kinds["method"] != Text {
		t.Errorf("kinds %v", kinds)
	}
	if got := records[0].Config.Brief("m") + " " + records[0].Config.Brief("n"); got != "1000000 7" {
		t.Errorf("brief values %s", got)
	}
	records[1].Config.Params[3].Whole = false // earlier, the parameter was a Float
	if i := slices.IndexFunc(NewTable(records).Columns(), func(c Column) bool { return c.Name == "m" && c.Kind == Number }); i < 0 {
		t.Error("numbers are integers")
	}
	records[1].Config.Params[3].Whole = true
	// In a table with nets, the fields of nets have no value for a function, whose parameter may have their name.
	net := Record{State: Done, Config: Config{Net: "fc", LR: 0.5, Hidden: []int{3}}}
	records[0].Config.Params[0].Name = "lr"
	mixed := NewTable(append(records[:1:1], net))
	seen := map[string]bool{}
	for _, c := range mixed.Columns() {
		if seen[c.Name] {
			t.Errorf("two columns have the name %s", c.Name)
		}
		seen[c.Name] = true
		for row := range 2 {
			text, ok := c.Text(row)
			function := mixed.Record(row).Config.Objective != ""
			switch {
			case c.Name == "lr" && (ok == function || !function && text != "0.5"), c.Name == "params_lr" && ok != function, c.Name == "hidden" && ok == function:
				t.Errorf("row %d, %s: %q, %t", row, c.Name, text, ok)
			}
		}
	}
	if !seen["params_lr"] {
		t.Error("there is no column params_lr")
	}
}
