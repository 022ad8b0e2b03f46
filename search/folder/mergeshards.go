package folder

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fusegrid/results"
)

// A study is a plan of which shards are known.
type study struct {
	plan  string
	of    int
	ended map[int]bool // by index of a shard: it has ended
}

// lackingShards returns messages about shards that are missing, or that have not ended.
func (m *merger) lackingShards() (lacking []string) {
	studies := m.studies()
	if len(studies) > 1 {
		var parts []string
		for _, s := range studies {
			parts = append(parts, numbered(slices.Sorted(maps.Keys(s.ended)), s.of))
		}
		lacking = append(lacking, fmt.Sprintf("%s are of %d different studies; give all shards the same flags, and run them again", strings.Join(parts, " and "), len(studies)))
	}
	for _, s := range studies {
		var missing, running []int
		for i := 1; i <= s.of; i++ {
			switch ended, ok := s.ended[i]; {
			case !ok:
				missing = append(missing, i)
			case !ended:
				running = append(running, i)
			}
		}
		if len(missing) > 0 && len(studies) == 1 {
			lacking = append(lacking, fmt.Sprintf("%s %s not among the folders", numbered(missing, s.of), isAre(missing)))
		}
		if len(running) > 0 {
			lacking = append(lacking, fmt.Sprintf("%s %s not ended; run %s again", numbered(running, s.of), hasHave(running), itThem(running)))
		}
	}
	return lacking
}

// studies returns the studies whose shards the sources have. A shard is of the study of its last line.
func (m *merger) studies() []*study {
	byPlan := map[string]*study{}
	for _, s := range m.sources {
		last := map[int]results.Shard{}
		for _, shard := range s.shards {
			last[shard.Index] = shard
		}
		for index, shard := range last {
			name := fmt.Sprint(shard.Plan, shard.Of)
			if byPlan[name] == nil {
				byPlan[name] = &study{shard.Plan, shard.Of, map[int]bool{}}
			}
			ended := byPlan[name].ended
			ended[index] = ended[index] || shard.Ended && !s.damaged
		}
	}
	return slices.SortedFunc(maps.Values(byPlan), func(a, b *study) int {
		first := func(s *study) int { return slices.Min(slices.Collect(maps.Keys(s.ended))) }
		return cmp.Or(cmp.Compare(first(a), first(b)), strings.Compare(a.plan, b.plan))
	})
}

// numbered names shards, such as "shards 2, 5 and 6 of 16". Of many, it names the first.
func numbered(indices []int, of int) string {
	const most = 8
	if len(indices) == 1 {
		return fmt.Sprintf("shard %d of %d", indices[0], of)
	}
	var words []string
	for _, i := range indices[:min(most, len(indices))] {
		words = append(words, fmt.Sprint(i))
	}
	last := len(words) - 1
	if len(indices) > most {
		return fmt.Sprintf("shards %s and %d more of %d", strings.Join(words, ", "), len(indices)-most, of)
	}
	return fmt.Sprintf("shards %s and %s of %d", strings.Join(words[:last], ", "), words[last], of)
}

func isAre(indices []int) string {
	if len(indices) == 1 {
		return "is"
	}
	return "are"
}

func hasHave(indices []int) string {
	if len(indices) == 1 {
		return "has"
	}
	return "have"
}

func itThem(indices []int) string {
	if len(indices) == 1 {
		return "it"
	}
	return "them"
}
