package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"fusegrid/internal/cli"
	"fusegrid/internal/flagfile"
	"fusegrid/search/grid"
)

// A configFile says which flags of a command line come from a file.
type configFile struct {
	name  string
	print bool              // -print-config was given
	set   *flag.FlagSet     // all flags
	given map[string]string // texts of all flags that were given, by name
	lines map[string]int    // of the flags from the file
}

// flags adds the flags about files of flags, and records the texts of all flags of fs.
func (c *configFile) flags(fs *flag.FlagSet) {
	fs.Func("config", "`file`", text(&c.name))
	fs.BoolVar(&c.print, "print-config", false, "")
	c.set, c.given, c.lines = fs, map[string]string{}, map[string]int{}
	fs.VisitAll(func(f *flag.Flag) { f.Value = recorded{f.Value, f.Name, c.given} })
}

// A recorded is the value of a flag whose texts are recorded.
type recorded struct {
	flag.Value
	name  string
	given map[string]string
}

func (r recorded) Set(s string) error {
	r.given[r.name] = s
	return r.Value.Set(s)
}

// IsBoolFlag reports whether the flag needs no value.
func (r recorded) IsBoolFlag() bool { return isBool(r.Value) }

func isBool(v flag.Value) bool {
	b, ok := v.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// apply sets the flags that the file has and the command line lacks.
func (c *configFile) apply() error {
	if c.name == "" {
		return nil
	}
	settings, err := c.read()
	if err != nil {
		return badInput{err}
	}
	onLine := map[string]bool{}
	c.set.Visit(func(f *flag.Flag) { onLine[f.Name] = true })
	for _, s := range settings {
		err := checkSetting(c.set, s)
		if err == nil && !onLine[s.Name] {
			c.lines[s.Name] = s.Line
			if err = c.set.Lookup(s.Name).Value.Set(s.Value); err != nil {
				err = refused(s.Name, fmt.Sprintf("%q", s.Value), err.Error())
			}
		}
		if err != nil {
			return badInput{fmt.Errorf("%s:%d: %w", c.name, s.Line, err)}
		}
	}
	return nil
}

// read returns the settings of the file.
func (c *configFile) read() ([]flagfile.Setting, error) {
	f, err := os.Open(c.name)
	if err != nil {
		return nil, fmt.Errorf("-config: %w; sweep -print-config writes such a file", err)
	}
	defer f.Close()
	settings, err := flagfile.Read(f)
	if err != nil {
		sep := ": "
		if regexp.MustCompile(`^\d`).MatchString(err.Error()) { // the number of a line
			sep = ":"
		}
		return nil, fmt.Errorf("%s%s%w", c.name, sep, err)
	}
	return settings, nil
}

// checkSetting returns an error if no flag has the name of a setting, or if its value is of another type.
func checkSetting(fs *flag.FlagSet, s flagfile.Setting) error {
	f := fs.Lookup(s.Name)
	switch {
	case f == nil:
		return fmt.Errorf("there is no flag %s%s; see sweep help", s.Name, didYouMean(s.Name, fs))
	case s.Name == "config", s.Name == "print-config":
		return fmt.Errorf("%s is only for the command line; remove the key", s.Name)
	case isBool(f.Value) && s.Kind != flagfile.Boolean:
		return fmt.Errorf("%s = %q: want true or false, without quotes", s.Name, s.Value)
	case !isBool(f.Value) && s.Kind == flagfile.Boolean:
		return fmt.Errorf("%s = %s: want %s", s.Name, s.Value, wanted(f))
	case s.Kind == flagfile.List && kindOf(f) != "list":
		return fmt.Errorf("%s = [%s]: want %s, not a list", s.Name, s.Value, wanted(f))
	}
	return nil
}

// didYouMean suggests the flag for a key, which may be the name of the flag in another tool.
func didYouMean(key string, fs *flag.FlagSet) string {
	if name, ok := cli.NearestFlag(key, cli.FlagNames(fs), otherTools); ok {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// wanted describes the value of a flag that is not boolean.
func wanted(f *flag.Flag) string {
	if kindOf(f) == "list" {
		return "a text, a number, or a list of them in brackets"
	}
	return "a text or a number"
}

// locate adds the line of the file to an error about a flag that the file has set.
func (c *configFile) locate(err error) error {
	if err == nil || len(c.lines) == 0 || errors.Is(err, errHelp) || errors.Is(err, errShown) {
		return err
	}
	text := flagBefore(err) + err.Error()
	for i, m := range regexp.MustCompile(`(?:^|\s)-([a-z][a-z-]*)`).FindAllStringSubmatchIndex(text, -1) {
		name := text[m[2]:m[3]]
		line, ok := c.lines[name]
		switch {
		case !ok:
		case i == 0 && m[0] == 0:
			return located{err, fmt.Sprintf("%s:%d: %s", c.name, line, text)}
		default:
			return located{err, fmt.Sprintf("%s (-%s is from %s:%d)", text, name, c.name, line)}
		}
	}
	return err
}

// A located is an error with another text, which names a line of a file.
type located struct {
	error
	text string
}

func (l located) Error() string { return l.text }
func (l located) Unwrap() error { return l.error }

// A flagGroup is a part of the help text with its flags.
type flagGroup struct {
	title string
	flags []string
}

// flagGroups returns the flags of a sweep in the groups and the order of the help text.
func flagGroups() []flagGroup {
	title := regexp.MustCompile(`^([A-Z][a-z ]*[a-z])(?: \(.*\))?:$`)
	name := regexp.MustCompile(`^  -([a-z]+(?:-[a-z]+)*)(?: |$)`)
	groups := []flagGroup{{title: "Values to search"}}
	for line := range strings.SplitSeq(helpText(), "\n") {
		if m := title.FindStringSubmatch(line); m != nil {
			groups = append(groups, flagGroup{title: m[1]})
		} else if m := name.FindStringSubmatch(line); m != nil {
			last := &groups[len(groups)-1]
			last.flags = append(last.flags, m[1])
		}
	}
	return groups
}

// write writes the flags that were given, and the defaults of others as comments, as a file.
func (c *configFile) write(w io.Writer, s grid.Setting) error {
	var b bytes.Buffer
	b.WriteString("# Flags of a sweep: sweep -config FILE. Flags on the command line win.\n")
	axes := grid.Standard()
	for _, g := range flagGroups() {
		var group bytes.Buffer
		for _, name := range g.flags {
			f := c.set.Lookup(name)
			_, given := c.given[name]
			list, isAxis := axes.Default(name, s)
			var err error
			switch {
			case name == "config" || name == "print-config":
			case given:
				err = c.writeGiven(&group, f)
			case isAxis:
				err = comment(&group, flagfile.Setting{Name: name, Value: list})
			case isBool(f.Value):
				err = comment(&group, flagfile.Setting{Name: name, Kind: flagfile.Boolean, Value: f.DefValue})
			}
			if err != nil {
				return err
			}
		}
		if group.Len() > 0 {
			fmt.Fprintf(&b, "\n# %s:\n%s", g.title, group.String())
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// comment writes a setting as a comment.
func comment(b *bytes.Buffer, s flagfile.Setting) error {
	b.WriteString("# ")
	return flagfile.Write(b, s)
}

// writeGiven writes a flag that was given.
func (c *configFile) writeGiven(b *bytes.Buffer, f *flag.Flag) error {
	s := flagfile.Setting{Name: f.Name, Value: c.given[f.Name]}
	if isBool(f.Value) {
		s.Kind, s.Value = flagfile.Boolean, f.Value.String() // true, if the value was written as 1
	}
	if err := flagfile.Write(b, s); err != nil {
		return badInput{fmt.Errorf("-print-config: %w", err)}
	}
	return nil
}
