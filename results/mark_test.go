package results

import (
	"slices"
	"testing"
)

func TestMarks(t *testing.T) {
	records := append(severalSeeds(), ended(seeds(7, 0.1)[0], Failed))
	s := NewTable(records).Summary()
	var got, want []Mark
	for row, each := range s.Settings() {
		got = append(got, s.Mark(row))
		want = append(want, map[float64]Mark{1e-3: MarkBest, 2e-3: MarkTied, 0.5: MarkDiverged, 7: MarkFailed}[each.Trials[0].Config.LR])
	}
	if !slices.Equal(got, want) || !slices.Contains(got, MarkTied) {
		t.Errorf("settings have marks %v, want %v", got, want)
	}

	table := NewTable([]Record{seeds(1, 0.2)[0], seeds(2, 0.4)[0], ended(seeds(3, 0.3)[0], Diverged), ended(seeds(4, 0.3)[0], Failed)})
	for _, rows := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}} {
		selected := table.Select(rows)
		for row := range rows {
			r := selected.Record(row)
			want := map[float64]Mark{2: MarkBest, 3: MarkDiverged, 4: MarkFailed}[r.Config.LR]
			if got := selected.Mark(row); got != want {
				t.Errorf("%v: lr %g has mark %v, want %v", rows, r.Config.LR, got, want)
			}
		}
	}
	// A trial of rank 1 that did not train to the end is not the best.
	if got := NewTable([]Record{stoppedAt(seeds(1, 0.2)[0], 0.1)}).Mark(0); got != MarkNone {
		t.Errorf("a stopped trial has mark %v", got)
	}
}
