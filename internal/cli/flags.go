package cli

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// NewFlags returns a set of flags that prints nothing. Its Parse returns what there is to print.
func NewFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// FlagNames returns the names of the flags of a set, without hyphens.
func FlagNames(fs *flag.FlagSet) (names []string) {
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return names
}

// UnknownFlag returns a message with a suggestion if err is the error of Parse about a flag that
// does not exist. also maps names that other tools use to names of flags, and more lists names that
// are accepted although they are not in the set.
func UnknownFlag(fs *flag.FlagSet, err error, also map[string]string, more ...string) (text string, ok bool) {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return "", false
	}
	text = "there is no flag -" + name
	if near, ok := NearestFlag(name, append(FlagNames(fs), more...), also); ok {
		text += fmt.Sprintf(" (did you mean -%s?)", near)
	}
	return text + PastedNote(name), true
}

// NearestFlag returns the known flag that is meant by a name. It prefers a flag with that name in other
// tools, as in UnknownFlag, to the result of [Nearest].
func NearestFlag(name string, known []string, also map[string]string) (near string, ok bool) {
	near, ok = also[strings.ReplaceAll(strings.ToLower(name), "_", "-")]
	if ok && slices.Contains(known, near) {
		return near, true
	}
	return Nearest(name, known)
}
