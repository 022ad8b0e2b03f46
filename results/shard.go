package results

import (
	"fmt"
	"slices"
	"strings"

	"fusegrid/internal/strictjson"
)

// A Shard describes a part of a study whose trials are in a journal. A sweep of a shard appends its
// line when it begins, unless the journal has it, and once more when all trials of the shard are
// settled. If the plan is another one than in the line before, the grid has changed.
type Shard struct {
	Index  int    `json:"index"`  // from 1
	Of     int    `json:"of"`     // number of shards
	Plan   string `json:"plan"`   // names the plan of the whole study: shards of one study have the same
	Trials int    `json:"trials"` // number of trials of the shard
	Study  int    `json:"study"`  // number of trials of the study
	Ended  bool   `json:"ended,omitempty"`

	// Weights and States are the numbers of best settings and trials whose files are kept, or
	// AllFiles. Rank is the figure by which settings are ranked.
	Weights int   `json:"weights,omitempty"`
	States  int   `json:"states,omitempty"`
	Rank    Order `json:"rank,omitempty"`
}

// AllFiles is the number of weights or states if those of all trials are kept.
const AllFiles = -1

// MaxShards is the maximum number of shards of a study.
const MaxShards = 4096

// String returns a text such as "shard 3 of 16".
func (s Shard) String() string { return fmt.Sprintf("shard %d of %d", s.Index, s.Of) }

// check returns an error if s is inconsistent.
func (s Shard) check() error {
	switch {
	case s.Of < 1 || s.Of > MaxShards || s.Index < 1 || s.Index > s.Of:
		return fmt.Errorf("there is no %v", s)
	case len(s.Plan) != 64 || strings.Trim(s.Plan, "0123456789abcdef") != "":
		return fmt.Errorf("the plan %.70q is not a SHA-256", s.Plan)
	case s.Trials < 0 || s.Study < s.Trials:
		return fmt.Errorf("a shard has %d of %d trials", s.Trials, s.Study)
	case s.Weights < AllFiles || s.States < AllFiles:
		return fmt.Errorf("the files of %d and %d trials are kept", s.Weights, s.States)
	case s.Rank != "" && !slices.Contains(Orders(), s.Rank):
		return fmt.Errorf("settings are ranked by %.40q", s.Rank)
	}
	return nil
}

// decodeShard returns the shard of a line.
func decodeShard(raw []byte) (s Shard, err error) {
	if err := strictjson.Unmarshal(raw, &s); err != nil {
		return s, err
	}
	return s, s.check()
}
