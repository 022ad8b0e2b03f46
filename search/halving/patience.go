package halving

// judgeAlone judges those of the trials with these keys that have reached rung i by themselves, without a comparison. It
// returns the keys of those that it stops. The others survive, unless they are compared at the rung, too.
func (r *bracket) judgeAlone(i int, keys []string) (stopped []string) {
	for _, key := range keys {
		e := r.contenders[key]
		if r.withoutGain(i, e) {
			if r.judge(i, e, true) {
				e.bored = true
				stopped = append(stopped, key)
			}
		} else if !r.compared[i] {
			r.judge(i, e, false)
		}
	}
	return stopped
}

// withoutGain is the rule patience. It reports whether a trial is judged by itself at rung i, and has had
// no gain of its best accuracy at a number of such rungs.
func (r *bracket) withoutGain(i int, e *contender) bool {
	if i < 0 || i >= len(r.rungs) || i >= len(e.vals) || !r.alone[i] {
		return false
	}
	best, since, first := 0.0, 0, true
	for j, v := range e.vals[:i+1] {
		switch {
		case !r.alone[j]:
		case first || v > best:
			best, since, first = v, 0, false
		default:
			since++
		}
	}
	patience := r.rule.Patience
	if r.rule.And != nil {
		patience = r.rule.And.Patience
	}
	return since >= patience
}
