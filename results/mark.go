package results

// A Mark says why a row of a table stands out.
type Mark int

const (
	MarkNone     Mark = iota
	MarkBest          // the trial of rank 1, or the first setting
	MarkTied          // a setting that is tied with the first
	MarkDiverged      // a trial of the row diverged
	MarkFailed        // all trials of the row failed
)

// Mark returns the mark of a row.
func (t *Table) Mark(row int) Mark {
	switch r := t.records[row]; {
	case r.State == Failed:
		return MarkFailed
	case r.State == Diverged:
		return MarkDiverged
	case r.State == Done && t.Rank(row) == 1:
		return MarkBest
	}
	return MarkNone
}

// Mark returns the mark of a row.
func (s *Summary) Mark(row int) Mark {
	switch each := s.settings[row]; {
	case each.Failed == len(each.Trials):
		return MarkFailed
	case each.Diverged > 0:
		return MarkDiverged
	case row == 0 && each.Stopped == 0:
		return MarkBest
	case s.tied(row) == "yes":
		return MarkTied
	}
	return MarkNone
}
