package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fusegrid/internal/searchtest"
	"fusegrid/results"
	"fusegrid/search/folder"
)

// TestVerify trains a sweep, verifies it, and then forges records.
func TestVerify(t *testing.T) {
	isolate(t)
	const grid = "-data synthetic -impl reference -quiet -hidden 3 -iters 8 -batch 20 -std 1e-2 -lr 1e-4,1e-3,1e30 -reg 0 -out o"
	if _, stderr, code := call(t, strings.Fields(grid)...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	stdout, stderr, code := call(t, "verify", "-all", "-out", "o")
	if code != exitOK || stderr != "" || strings.Count(stdout, ": the same bits\n") != 3 {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	stdout, _, code = call(t, "verify", "-n", "1", "-out", "o", "-workers", "3")
	if code != exitOK || strings.Count(stdout, "the same bits") != 1 {
		t.Errorf("-n 1: exit code %d, stdout\n%s", code, stdout)
	}
	records := searchtest.Recorded(t, "o")
	for _, forge := range []struct {
		what string
		do   func(r *results.Record)
	}{
		{"weights", func(r *results.Record) { r.Weights = strings.Repeat("0", 64) }},
		{"losses", func(r *results.Record) { r.Losses = strings.Repeat("0", 64) }},
		{"training accuracy", func(r *results.Record) { r.Accuracy.FinalTrain = ptr(*r.Accuracy.FinalTrain + 1e-9) }},
		{"validation accuracy", func(r *results.Record) { r.Accuracy.FinalVal = ptr(*r.Accuracy.FinalVal + 1e-9) }},
		{"validation accuracy of the last epoch", func(r *results.Record) { r.Accuracy.EpochVal = ptr(*r.Accuracy.EpochVal + 1e-9) }},
		{"test accuracy", func(r *results.Record) { r.Accuracy.Test = ptr(*r.Accuracy.Test + 1e-9) }},
		{"last loss", func(r *results.Record) { r.Loss.Last = nil }},
		{"state", func(r *results.Record) { r.State = results.Diverged }},
	} {
		t.Run(forge.what, func(t *testing.T) {
			out, err := folder.Open(folder.OS{}, strings.ReplaceAll(forge.what, " ", ""), logger(os.Stderr))
			if err != nil {
				t.Fatal(err)
			}
			results.Rank(records)
			r := records[0]
			forge.do(&r)
			if err := out.Append([]results.Record{r}); err != nil {
				t.Fatal(err)
			}
			out.Close()
			stdout, stderr, code := call(t, "verify", "-trial", r.Key[:8], "-out", out.Dir)
			if code != exitFailed || !strings.Contains(stdout, "DIFFERS: "+forge.what) && !strings.Contains(stdout, "; "+forge.what) || !strings.Contains(stderr, "1 of 1 trials came out differently") {
				t.Errorf("forged %s: exit code %d, stderr %q, stdout\n%s", forge.what, code, stderr, stdout)
			}
		})
	}
	// Another data set is refused.
	r := records[0]
	r.Config.Data = "71"
	r.Key = r.Config.Key()
	out, err := folder.Open(folder.OS{}, "other", logger(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Append([]results.Record{r}); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if _, stderr, code := call(t, "verify", "-out", "other"); code != exitBadInput || !strings.Contains(stderr, "give its folder with -data") {
		t.Errorf("other data: exit code %d, stderr %q", code, stderr)
	}
}

// TestVerifyRules trains nets in blocks by each update rule, with halving, and then each net alone.
func TestVerifyRules(t *testing.T) {
	isolate(t)
	rules := ruleNames()
	if testing.Short() {
		rules = rules[len(rules)-1:]
	}
	for _, rule := range rules {
		for _, net := range []string{"two-layer -hidden 3,20 -batch 50 -iters 24", "fc -hidden 3x2,5x4 -batch 50 -epochs 1"} {
			t.Run(rule+" "+net, func(t *testing.T) {
				out := rule + strings.Fields(net)[0]
				const grid = "-data synthetic -quiet -std 1e-2 -lr 1e-4,1e-3,1e30 -reg 0,0.1 -halving 2:2 -out "
				if _, stderr, code := call(t, strings.Fields(grid+out+" -rule "+rule+" -net "+net)...); code != exitOK {
					t.Fatalf("%s: exit code %d: %s", out, code, stderr)
				}
				stdout, stderr, code := call(t, "verify", "-all", "-out", out)
				if n := len(searchtest.Recorded(t, out)); code != exitOK || stderr != "" || n != 12 || strings.Count(stdout, ": the same bits\n") != n {
					t.Errorf("%s: %d records, exit code %d, stderr %q, stdout\n%s", out, n, code, stderr, stdout)
				}
			})
		}
	}
}

// TestVerifyStopped trains stopped trials up to the step where they were stopped, and finds a forged record.
func TestVerifyStopped(t *testing.T) {
	searchtest.Long(t)
	useWhole(t)
	isolate(t)
	for _, net := range []string{"two-layer -hidden 3 -iters 60 -halving 2:20", "fc -hidden 3x2 -epochs 1 -halving 2:20"} {
		t.Run(net, func(t *testing.T) {
			dir := strings.Fields(net)[0]
			args := "-data synthetic -impl reference -quiet -batch 200 -std 1e-2 -lr 1e-4,1e-3,1e-2 -reg 0 -out " + dir + " -net " + net
			if _, stderr, code := call(t, strings.Fields(args)...); code != exitOK {
				t.Fatalf("%s: exit code %d: %s", net, code, stderr)
			}
			stdout, stderr, code := call(t, "verify", "-all", "-out", dir)
			if code != exitOK || stderr != "" || strings.Count(stdout, ": the same bits\n") != 3 {
				t.Errorf("%s: exit code %d, stderr %q, stdout\n%s", net, code, stderr, stdout)
			}
			for _, r := range searchtest.Recorded(t, dir) {
				if r.State != results.Stopped {
					continue
				}
				out, err := folder.Open(folder.OS{}, dir+"-forged", logger(os.Stderr))
				if err != nil {
					t.Fatal(err)
				}
				r.Rungs[len(r.Rungs)-1].Val += 1e-9
				if err := out.Append([]results.Record{r}); err != nil {
					t.Fatal(err)
				}
				out.Close()
				stdout, _, code := call(t, "verify", "-trial", r.Key[:8], "-out", out.Dir)
				if code != exitFailed || !strings.Contains(stdout, "DIFFERS: validation accuracy at the last rung") {
					t.Errorf("%s, forged: exit code %d, stdout\n%s", net, code, stdout)
				}
				break
			}
		})
	}
}

// TestDamageIsReported changes a record and tears the last line, without new checksums. A torn line is no failure,
// because a crash or a running sweep leaves one. After a changed line, verify must fail, but verify the other trials.
func TestDamageIsReported(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	grid := strings.Fields("-data synthetic -impl reference -quiet -hidden 3 -iters 4 -batch 20 -lr 1e-4,1e-3,1e-2 -reg 0 -out o")
	if _, stderr, code := call(t, grid...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	name := filepath.Join("o", folder.JournalName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	change := func(s string, n int) string { return strings.Replace(s, `"weights":"`, `"weights":"00`, n) }
	tear := func(s string) string { return s[:len(s)-20] }
	const torn = ": the last line is torn"
	for i, c := range []struct {
		what, journal string
		says          []string
		fails         string
		verified      int
	}{
		{"changed and torn", tear(change(string(whole), 1)), []string{": line 2 is damaged", torn}, "o/trials.jsonl has 1 damaged line", 1},
		{"torn", tear(string(whole)), []string{torn}, "", 2},
		{"changed", change(string(whole), 2), []string{": line 2 is damaged", ": line 3 is damaged"}, "o/trials.jsonl has 2 damaged lines", 1},
		{"changed header", strings.Replace(string(whole), "version", "Version", 1), []string{": line 1 is damaged"}, "o/trials.jsonl has 1 damaged line", 3},
	} {
		t.Run(c.what, func(t *testing.T) {
			if err := os.WriteFile(name, []byte(c.journal), 0o644); err != nil {
				t.Fatal(err)
			}
			commands := [][]string{{"verify", "-all", "-out", "o"}}
			if i == 0 {
				commands = append(commands, append(grid, "-dry-run"))
			}
			for _, args := range commands {
				stdout, stderr, code := call(t, args...)
				for _, say := range c.says {
					if !strings.Contains(stderr, name+say) {
						t.Errorf("%s, %q: stderr %q, want a word of %q", c.what, args, stderr, say)
					}
				}
				want := exitOK
				if args[0] == "verify" {
					if c.fails != "" {
						want = exitFailed
					}
					if strings.Count(stdout, ": the same bits\n") != c.verified || c.fails != "" && !strings.Contains(stderr, "sweep: "+c.fails) {
						t.Errorf("%s: stderr %q, stdout\n%s", c.what, stderr, stdout)
					}
				}
				if code != want {
					t.Errorf("%s, %q: exit code %d, want %d", c.what, args, code, want)
				}
			}
			if after, err := os.ReadFile(name); err != nil || string(after) != c.journal {
				t.Errorf("the journal was changed (%v)", err)
			}
		})
	}
	// The error names both differences and damage.
	records, _, err := results.ReadJournal(bytes.NewReader(whole), name)
	if err != nil {
		t.Fatal(err)
	}
	records[0].Weights = strings.Repeat("0", 64)
	os.Remove(name)
	out, err := folder.Open(folder.OS{}, "o", logger(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Append(records); err != nil {
		t.Fatal(err)
	}
	out.Close()
	forged, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	forged[len(forged)-200] ^= 1 // the last line
	if err := os.WriteFile(name, forged, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := call(t, "verify", "-all", "-out", "o"); code != exitFailed || !strings.Contains(stderr, "1 of 2 trials came out differently") || !strings.Contains(stderr, "1 damaged line") {
		t.Errorf("forged and damaged: exit code %d, stderr %q", code, stderr)
	}
}

func TestFresh(t *testing.T) {
	searchtest.Long(t)
	isolate(t)
	args := strings.Fields("-data synthetic -impl reference -quiet -hidden 2 -iters 1 -batch 5 -lr 1e-3 -reg 0 -fresh -out o")
	for _, dir := range []string{"o", "o-2", "o-3"} {
		if _, stderr, code := call(t, args...); code != exitOK || !strings.HasSuffix(stderr, "all trials and tables are in "+dir+"\n") {
			t.Errorf("exit code %d, stderr %q, want it in %s", code, stderr, dir)
		}
		if n := len(searchtest.Recorded(t, dir)); n != 1 {
			t.Errorf("%s has %d trials", dir, n)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// TestVerifySkips checks that trials of a class that this build lacks do not keep others from being verified.
func TestVerifySkips(t *testing.T) {
	isolate(t)
	if _, stderr, code := call(t, small("-out", "o")...); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	records := searchtest.Recorded(t, "o")
	records[0].Config.Class, records[0].Impl = "other", "foreign"
	records[0].Key = records[0].Config.Key()
	out, err := folder.Open(folder.OS{}, "mixed", logger(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Append(records); err != nil {
		t.Fatal(err)
	}
	out.Close()
	stdout, stderr, code := call(t, "verify", "-all", "-out", "mixed")
	if code != exitBadInput || strings.Count(stdout, ": the same bits\n") != 3 || strings.Count(stdout, "not verified: no kernel set here rounds as class other\n") != 1 ||
		!strings.Contains(stderr, "1 of 4 trials were not verified: trial ") {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
}

// TestOnlyOut checks that verify finds the only output folder, and names the flag if there is none or several.
func TestOnlyOut(t *testing.T) {
	isolate(t)
	for n, want := range []string{"there is no output folder in out", "", "there are 2 output folders in out"} {
		if n > 0 {
			dir := filepath.Join("out", fmt.Sprint(n))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, folder.JournalName), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		switch dir, err := onlyOut("with -out"); {
		case want == "":
			if dir != filepath.Join("out", "1") || err != nil {
				t.Errorf("%d folders: %q, error %v", n, dir, err)
			}
		case err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "with -out"):
			t.Errorf("%d folders: error %v, want %q", n, err, want)
		}
	}
}
