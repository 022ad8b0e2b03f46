package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fusegrid/internal/say"
	"fusegrid/results"
	"fusegrid/search/folder"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// show prints the final table.
func (s *job) show(table *results.Table) error {
	if table.Len() == 0 {
		return nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", wrap(table.Caption(), 80))
	table.WriteText(&b, 80, s.top)
	if best, ok := table.Best(); ok && best.Accuracy.Test != nil {
		fmt.Fprintf(&b, "\ntest accuracy of the best net: %.4f\n", *best.Accuracy.Test)
	}
	_, err := s.stdout.Write(b.Bytes())
	return err
}

// failures says which trials failed, and the command that tries them again.
func (s *job) failures(records []results.Record, again string) error {
	const some = 5
	n := 0
	for _, r := range records {
		if r.State != results.Failed {
			continue
		}
		if n++; n <= some {
			fmt.Fprintf(s.stderr, "sweep: lr %.6g, reg %.6g failed: %s\n", r.Config.LR, r.Config.Reg, r.Error)
		}
	}
	if n > 0 {
		return fmt.Errorf("%d of %d trials failed; the errors are in %s/%s; to try them again: %s", n, len(records), s.out, folder.JSONLName, again)
	}
	return nil
}

// dryRun prints the grid and what is left of it to train. It makes no file.
func (s *job) dryRun(r runner.Runner) error {
	out, err := folder.Peek(s.out, logger(s.stderr))
	if err != nil {
		return err
	}
	s.disk = folder.ReadOnly{}
	store := s.store()
	blocks, _, err := s.plan(out, store)
	if err != nil {
		return err
	}
	work := 0.0
	for _, b := range blocks {
		work += b.RemainingFLOPs()
	}
	var b bytes.Buffer
	size, todo := s.grid.Len(), plan.Trials(blocks)
	fmt.Fprintf(&b, "%d trials", size)
	if shape := s.grid.Shape(); shape != "" {
		fmt.Fprintf(&b, " (%s)", shape)
	}
	fmt.Fprintf(&b, ", %d on record in %s, %d to train: %s\n", size-todo, s.out, todo, say.Operations(work))
	for _, text := range []string{s.otherSets(out), s.points().Nearby(out.Records, folder.CSVName), plan.Resuming(blocks, store.Kind)} {
		if text != "" {
			fmt.Fprintf(&b, "%s\n", text)
		}
	}
	if todo > 0 {
		fmt.Fprintf(&b, "%s\n", plan.Describe(blocks))
		p, err := s.predict(blocks, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s\n", p)
	}
	for _, why := range s.grid.Axes().Reasons(s.points().Pending(s.flops, s.settled(out))) {
		fmt.Fprintf(&b, "%s\n", why)
	}
	if s.states != 0 {
		fmt.Fprintf(&b, "%s\n", s.stateSpace())
	}
	if own, _ := s.lacking(out); len(own) > 0 {
		fmt.Fprintf(&b, "%s on record to train again, for what -keep or -states asks for of the best\n", say.Plural(len(own), "trial"))
	}
	b.WriteString(s.races.Describe(s.points(), s.flops))
	b.WriteString("\n")
	planned := make([]results.Record, size)
	for i := range planned {
		planned[i].Config = s.grid.Over(s.base).At(i)
		planned[i].DataName = s.data.Name
		if r, ok := out.Records[planned[i].Config.Key()]; ok {
			planned[i].State = r.State
		}
	}
	if err := results.WritePlan(&b, planned, 80, s.top); err != nil {
		return err
	}
	_, err = s.stdout.Write(b.Bytes())
	return err
}

// otherSets says how many trials of the grid are not trained again although they were trained on another
// kernel set, so that the speeds that are shown are not of the one that was asked for.
func (s *job) otherSets(out *folder.Folder) string {
	settled, counts := s.settled(out), map[string]int{}
	for _, r := range out.Records { // mostly there is no other, and grids are large
		if r.Impl != s.set.Name {
			counts[r.Impl] = 0
		}
	}
	if len(counts) == 0 {
		return ""
	}
	for _, r := range out.Of(s.points()) {
		if r.Impl != s.set.Name && settled(r.Key) {
			counts[r.Impl]++
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		switch n := counts[name]; n {
		case 0:
		case 1:
			parts = append(parts, "1 trial was trained on "+name)
		default:
			parts = append(parts, fmt.Sprintf("%d trials were trained on %s", n, name))
		}
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("%s; -fresh times %s", strings.Join(parts, ", "), s.set.Name)
}

// wrap breaks a list at its commas into lines of at most width columns.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, part := range strings.SplitAfter(text, ", ") {
		if n := len([]rune(strings.TrimSpace(part))); i > 0 && column+n > width {
			b.WriteString("\n")
			column = 0
		}
		b.WriteString(part)
		column += len([]rune(part))
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
