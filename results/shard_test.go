package results

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// shardOf returns a valid shard.
func shardOf(index, of int) Shard {
	return Shard{Index: index, Of: of, Plan: strings.Repeat("5a", 32), Trials: 3, Study: 40, Weights: 2, States: AllFiles, Rank: ByMean}
}

// TestShardLines writes shards between records, and reads them back from the journal, from a mended copy, and from two
// journals that are joined.
func TestShardLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trials.jsonl")
	j, _, _, err := openJournal(name)
	if err != nil {
		t.Fatal(err)
	}
	begun, ended := shardOf(3, 16), shardOf(3, 16)
	ended.Ended = true
	for _, err := range []error{j.Mark(begun), j.Append(trials(2)...), j.Mark(ended), j.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	j, records, recovery, err := openJournal(name)
	if err != nil || len(records) != 2 || !reflect.DeepEqual(recovery, Recovery{Shards: []Shard{begun, ended}}) {
		t.Fatalf("%d records, %+v, %v", len(records), recovery, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}

	first := &file{data: header()}
	j, _, _, _ = NewJournal(first, "j")
	if err := j.Mark(begun); err != nil {
		t.Fatal(err)
	}
	second := contents(t, trials(3)[2:])
	joined := append(bytes.Clone(first.data), second...)
	records, recovery, err = ReadJournal(bytes.NewReader(joined), "j")
	if err != nil || len(records) != 1 || !reflect.DeepEqual(recovery, Recovery{Shards: []Shard{begun}}) {
		t.Errorf("joined: %d records, %+v, %v", len(records), recovery, err)
	}
	var mended bytes.Buffer
	if err := Mend(&mended, bytes.NewReader(append(joined, "no line\n"...)), "j"); err != nil {
		t.Fatal(err)
	}
	if want := append(bytes.Clone(first.data), second[len(header()):]...); !bytes.Equal(mended.Bytes(), want) {
		t.Errorf("mended\n%s, want\n%s", mended.Bytes(), want)
	}
	var extended bytes.Buffer
	if err := Extend(&extended, bytes.NewReader(first.data), "j", trials(2500)); err != nil {
		t.Fatal(err)
	}
	if want := append(bytes.Clone(first.data), contents(t, trials(2500))[len(header()):]...); !bytes.Equal(extended.Bytes(), want) {
		t.Errorf("extended to %d bytes, want %d", extended.Len(), len(want))
	}
}

// TestWrongShards checks that shards that cannot be are neither written nor read.
func TestWrongShards(t *testing.T) {
	for _, tt := range []struct {
		change func(*Shard)
		want   string
	}{
		{func(s *Shard) { s.Index = 0 }, "there is no shard 0 of 4"},
		{func(s *Shard) { s.Index = 5 }, "there is no shard 5 of 4"},
		{func(s *Shard) { s.Of = MaxShards + 1 }, "there is no shard 2 of 4097"},
		{func(s *Shard) { s.Plan = "5a" }, `the plan "5a" is not a SHA-256`},
		{func(s *Shard) { s.Plan = strings.Repeat("x", 64) }, "is not a SHA-256"},
		{func(s *Shard) { s.Trials = -1 }, "a shard has -1 of 40 trials"},
		{func(s *Shard) { s.Study = 2 }, "a shard has 3 of 2 trials"},
		{func(s *Shard) { s.Weights = -2 }, "the files of -2 and -1 trials are kept"},
		{func(s *Shard) { s.Rank = "worst" }, `settings are ranked by "worst"`},
	} {
		s := shardOf(2, 4)
		tt.change(&s)
		j, _, _, err := NewJournal(new(file), "j")
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Mark(s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("written: %v, want %s", err, tt.want)
		}
	}
	for text, want := range map[string]string{
		`{"index":2,"of":1}`: "there is no shard 2 of 1",
		`{"Index":2}`:        `the name "Index", want "index"`,
		`[]`:                 "array",
	} {
		_, recovery, err := ReadJournal(bytes.NewReader(append(header(), appendLine(nil, "shard", []byte(text))...)), "j")
		if err != nil || len(recovery.Shards) != 0 || len(recovery.Damage) != 1 || !strings.Contains(recovery.Damage[0].Reason, want) {
			t.Errorf("%s: %+v, %v; want damage with %q", text, recovery, err, want)
		}
	}
}
