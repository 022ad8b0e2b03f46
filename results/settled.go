package results

// Settled reports whether a sweep with the given stop rule need not run the trial again. The rule is
// empty if the sweep trains all trials to the end. A trial that another stop rule has stopped is not
// settled, because the new rule must judge it.
func (r Record) Settled(race string) bool {
	return r.State == Done || r.State == Diverged || r.State == Stopped && r.Race == race
}
