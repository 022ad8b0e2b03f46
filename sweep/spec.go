package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"weak"

	"fusegrid"
	"fusegrid/internal/strictjson"
	"fusegrid/kernels"
	"fusegrid/nn/dataset"
	"fusegrid/results"
	"fusegrid/search"
	"fusegrid/search/grid"
	"fusegrid/search/store"
)

// A specification says what a study in a store is, so that workers make the same study.
type specification struct {
	Args []string       `json:"args"` // flags that determine the trials, and those that say what is kept
	Base results.Config `json:"base"` // the fields that all trials share, with the hash of the data
	Data string         `json:"data"` // name of the data set
}

// keptFlags are the flags of a specification that do not determine the trials.
var keptFlags = []string{"keep", "states", "curves"}

// sharedFlags returns the names of the flags that a specification has.
func sharedFlags() []string {
	names := append([]string{
		"net", "dtype", "rule", "division", "order", "fuse", "block", "zip", "sample", "sample-seed", "tpe-batch",
		"halving", "stop", "patience", "labels", "resize", "split", "split-seed", "norm",
	}, keptFlags...)
	for _, a := range grid.Standard() {
		names = append(names, a.Name)
	}
	slices.Sort(names)
	return names
}

// described returns the study for a store.
func (o *options) described(data *dataset.Split) (store.Study, error) {
	p, err := search.NewProgram(o.study())
	if err != nil {
		return store.Study{}, err
	}
	s := specification{Base: p.Base(), Data: data.Name}
	var fixed []string
	for _, name := range sharedFlags() {
		value, given := o.config.given[name]
		if !given {
			continue
		}
		s.Args = append(s.Args, "-"+name+"="+value)
		if !slices.Contains(keptFlags, name) {
			fixed = append(fixed, "-"+name+"="+value)
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return store.Study{}, err
	}
	identity := hashOf(append(fixed, s.Base.Canonical())...)
	st := store.Study{
		Name: o.shared.study, Identity: identity, Spec: string(text), Queue: queueOf(s.Base),
		Data: fmt.Sprintf("%s (hash %.8s)", data.Name, data.Hash), Class: s.Base.Class, Priority: o.shared.priority, Points: o.Grid.Total(),
	}
	if st.Name == "" {
		st.Name = fmt.Sprintf("%s-%s-%s-%.6s", data.Name, o.Grid.Net(), o.DType, identity)
	}
	return st, nil
}

// hashOf returns the SHA-256 of lines.
func hashOf(lines ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// queueOf returns the queue of the workers that have the data, the type and the numeric class of a study.
func queueOf(c results.Config) string {
	return "q" + hashOf(c.Data, fmt.Sprint(c.Split), c.Partition, c.Norm, c.Pixels, c.DType, c.Class)[:20]
}

// setOfClass returns a kernel set of a numeric class, the fastest of this machine if it has the class.
func setOfClass(class, dtype string) (*kernels.Set, error) {
	all := fusegrid.All()
	if best, err := fusegrid.Best(); err == nil {
		all = append([]*kernels.Set{best}, all...)
	}
	var classes []string
	for _, set := range all {
		typed, err := fusegrid.ForType(set, dtype)
		if err != nil {
			continue
		}
		if string(typed.Class) == class {
			return set, nil
		}
		if !slices.Contains(classes, string(typed.Class)) {
			classes = append(classes, string(typed.Class))
		}
	}
	return nil, fmt.Errorf("this machine has no kernel set of class %s for the type %s; it has the classes %s", class, dtype, and(classes))
}

// A library opens the programs of studies, and keeps their data. It is safe for concurrent use.
type library struct {
	paths  []string                                                 // of -data; the default places are searched, too
	adjust func(search.Study, *dataset.Split) (search.Study, error) // is for tests; nil changes nothing

	mu     sync.Mutex
	splits map[string]weak.Pointer[dataset.Split] // that programs use
}

// open makes the program of a study. An error says why this machine cannot train it, in one line with the remedy.
func (l *library) open(ctx context.Context, st store.Study) (*search.Program, error) {
	var s specification
	if err := strictjson.UnmarshalKnown([]byte(st.Spec), &s); err != nil {
		return nil, fmt.Errorf("its specification cannot be read: %w; use the program that submitted it", err)
	}
	o, err := parseOptions(s.Args)
	if err != nil {
		return nil, fmt.Errorf("its flags cannot be read: %w; use the program that submitted it", err)
	}
	if o.Kernels, err = setOfClass(s.Base.Class, o.DType); err != nil {
		return nil, err
	}
	if o.Data, err = l.data(ctx, o, s); err != nil {
		return nil, err
	}
	o.Workers = 1
	study := o.study()
	if l.adjust != nil {
		if study, err = l.adjust(study, o.Data); err != nil {
			return nil, err
		}
	}
	p, err := search.NewProgram(study)
	if err != nil {
		return nil, err
	}
	if base := p.Base(); base.Canonical() != s.Base.Canonical() {
		return nil, fmt.Errorf("this program makes other trials of its flags; use the program that submitted it")
	}
	return p, nil
}

// data returns the data of a study.
func (l *library) data(ctx context.Context, o *options, s specification) (*dataset.Split, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	places := append(slices.Clone(l.paths), "")
	if s.Data == builtIn {
		places = []string{builtIn}
	}
	why := errors.New("no data set was found")
	for _, place := range places {
		choice := o.data
		choice.path = place
		name := fmt.Sprint(choice, o.Grid.Net())
		split := l.splits[name].Value()
		if split == nil {
			var err error
			if split, err = choice.read(ctx, o.Grid.Net(), io.Discard); err != nil {
				why = err
				continue
			}
		}
		if split.Hash == s.Base.Data && split.Sizes() == s.Base.Split && split.Partition == s.Base.Partition {
			if l.splits == nil {
				l.splits = map[string]weak.Pointer[dataset.Split]{}
			}
			l.splits[name] = weak.Make(split)
			return split, nil
		}
		why = fmt.Errorf("the data set here is %s (hash %.8s)", split.Name, split.Hash)
	}
	how := "give its folder or file with -data"
	if s.Data == "cifar-10" {
		how += ", or run sweep fetch"
	}
	return nil, fmt.Errorf("it needs the data set %s (hash %.8s), which is not here: %w; %s", s.Data, s.Base.Data, why, how)
}

// withoutPassword returns a URL without its password.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "URL"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	if q.Has("password") {
		q.Del("password")
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// withoutPasswords returns arguments without the password in the value of -store, and without -token.
func withoutPasswords(args []string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		name, value, valued := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		last := i+1 == len(args)
		switch {
		case !strings.HasPrefix(args[i], "-") || name != "store" && name != "token" || !valued && last:
			kept = append(kept, args[i])
		case name == "token" && valued:
		case name == "token":
			i++
		case valued:
			kept = append(kept, "-store="+withoutPassword(value))
		default:
			kept = append(kept, args[i], withoutPassword(args[i+1]))
			i++
		}
	}
	return kept
}
