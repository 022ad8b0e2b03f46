package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/search"
	"fusegrid/search/store"
)

// A shared holds the values of the flags of a sweep whose trials the workers of a store train.
type shared struct {
	url      string // "" if this process trains
	study    string
	priority int
	class    string
}

// usualPriority is the priority of a study.
const usualPriority = 2

// flags adds the flags of a store.
func (s *shared) flags(fs *flag.FlagSet) {
	s.priority = usualPriority
	storeFlag(fs, &s.url)
	fs.Func("study", "", func(name string) error {
		if len(name) > 80 || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' }) {
			return errors.New("give a name of at most 80 letters, digits and punctuation, without blanks")
		}
		s.study = name
		return nil
	})
	fs.Func("priority", "", whole(&s.priority, 1, 4, "give a number from 1, which comes first, to 4"))
	fs.Func("class", "", text(&s.class))
}

// storeFlag adds the flag -store.
func storeFlag(fs *flag.FlagSet, dst *string) { fs.Func("store", "", text(dst)) }

// check returns an error for flags that contradict each other.
func (s *shared) check(o *options) error {
	given := func(name string) bool { _, ok := o.config.given[name]; return ok }
	switch {
	case s.url == "":
		for _, name := range []string{"study", "priority"} {
			if given(name) {
				return badInput{fmt.Errorf("-%s is for a study in a store; give -store URL, too", name)}
			}
		}
		return nil
	case given("workers"):
		return badInput{errors.New("-workers is for sweep worker; with -store, this process does not train")}
	case o.Shard.Of > 0:
		return badInput{errors.New("-shard is for machines without a store; omit it, because the workers of a store share all trials")}
	case o.fresh:
		return badInput{errors.New("-fresh does not start a study in a store again; give another -study and another -out")}
	}
	return nil
}

// connect connects to the store. The study is submitted when it begins to train.
func (o *options) connect(ctx context.Context) (*store.Postgres, error) {
	st, err := o.described(o.Data)
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, o.shared.url)
	if err != nil {
		return nil, err
	}
	if o.Scheduler, err = store.NewScheduler(ctx, s, st, o.Log); err != nil {
		s.Close()
		return nil, storeError(s, err)
	}
	return s, nil
}

// storeVariable is the variable with the URL of a store, for those who do not want it in lists of processes.
const storeVariable = "FUSEGRID_STORE"

// openStore connects to a store.
func openStore(ctx context.Context, url string) (*store.Postgres, error) {
	if url == "" {
		url = os.Getenv(storeVariable)
	}
	if url == "" {
		return nil, badInput{fmt.Errorf("-store is missing; give the URL of a database, postgres://user@host:5432/database, or set %s", storeVariable)}
	}
	s, err := store.OpenPostgres(ctx, url)
	if err != nil {
		return nil, storeError(nil, err)
	}
	return s, nil
}

// storeError returns an error of a store with what to do.
func storeError(s *store.Postgres, err error) error {
	if s != nil {
		err = store.Explain(s, err)
	}
	if bad, ok := errors.AsType[store.InputError](err); ok {
		return badInput{fmt.Errorf("-store: %w", bad)}
	}
	return err
}

// worker trains segments of the studies of a store.
func worker(ctx context.Context, args []string, _, stderr io.Writer) error {
	return new(library).work(ctx, args, stderr)
}

// work is sweep worker with the data of a library.
func (l *library) work(ctx context.Context, args []string, stderr io.Writer) error {
	var url, class string
	var maxTime time.Duration
	w := store.Worker{Workers: runtime.GOMAXPROCS(0), Version: cli.Version("sweep"), Log: logger(stderr)}
	fs := cli.NewFlags("worker")
	storeFlag(fs, &url)
	fs.Func("workers", "", whole(&w.Workers, 1, search.MaxWorkers, fmt.Sprintf("give a number from 1 to %d, or omit the flag for one per core", search.MaxWorkers)))
	maxTimeFlag(fs, &maxTime)
	fs.Func("data", "`file`", func(s string) error {
		if s == "" {
			return errEmpty
		}
		l.paths = append(l.paths, s)
		return nil
	})
	fs.Func("class", "", text(&class))
	if err := parse(fs, args); err != nil {
		return err
	}
	w.Cores = runtime.GOMAXPROCS(0)
	if text := crowd(w.Workers); text != "" {
		w.Log.Print(text)
	}
	set, err := pickSet("")
	if err != nil {
		return err
	}
	w.Class = string(set.Class)
	w.Open = func(ctx context.Context, st store.Study) (*search.Program, error) {
		if class != "" && st.Class != class {
			return nil, fmt.Errorf("it has class %s, and -class is %s", st.Class, class)
		}
		return l.open(ctx, st)
	}
	if class != "" {
		w.Class = class
		if _, err := setOfClass(class, "f32"); err != nil {
			return badInput{fmt.Errorf("-class %s: %w", class, err)}
		}
	}
	s, err := openStore(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	if maxTime > 0 {
		limited, cancel := context.WithTimeout(ctx, maxTime)
		defer cancel()
		ctx = limited
	}
	if err := store.RunPostgres(ctx, s, w); err != nil {
		return storeError(s, err)
	}
	w.Log.Print("worker: ended; what was trained is kept")
	return nil
}

// maxTimeFlag adds the flag -max-time.
func maxTimeFlag(fs *flag.FlagSet, dst *time.Duration) {
	fs.Func("max-time", "", func(s string) (err error) {
		if *dst, err = time.ParseDuration(s); err != nil || *dst <= 0 {
			return errors.New("give a duration, such as 90s, 30m or 2h")
		}
		return nil
	})
}

// storeActions are the words after sweep store.
var storeActions = []string{"init", "grant", "status", "cancel", "prune", "ui"}

// manageStore is sweep store.
func manageStore(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var url, addr string
	var segment time.Duration
	var yes bool
	fs := cli.NewFlags("store")
	storeFlag(fs, &url)
	fs.Func("segment", "", func(s string) (err error) {
		if segment, err = time.ParseDuration(s); err != nil || segment < 10*time.Millisecond || segment > time.Hour {
			return errors.New("give the time of a segment, such as 60s, at most 1h")
		}
		return nil
	})
	fs.BoolVar(&yes, "yes", false, "")
	fs.StringVar(&addr, "addr", "127.0.0.1:8080", "`host:port`")
	names, err := parseNames(fs, args)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return helpAsked{fs}
	}
	action, names := names[0], names[1:]
	if !slices.Contains(storeActions, action) {
		return badInput{fmt.Errorf("there is no sweep store %s%s; the words are %s", action, cli.DidYouMean(action, storeActions), and(storeActions))}
	}
	want := map[string]int{"grant": 1, "cancel": 1}[action]
	if len(names) != want {
		return badInput{fmt.Errorf("sweep store %s takes %s after it; see sweep help store", action, []string{"no word", "one word"}[want])}
	}
	s, err := openStore(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	switch action {
	case "init":
		changed, err := s.Init(ctx, segment)
		if err != nil {
			return storeError(s, err)
		}
		what := "has been initialized before; nothing was changed"
		if changed {
			what = "is ready; sweep worker -store URL starts a worker"
		}
		_, err = fmt.Fprintf(stdout, "schema %s %s\n", s.Schema(), what)
		return err
	case "grant":
		_, err := io.WriteString(stdout, store.Grants(s.Schema(), names[0]))
		return err
	case "status":
		return studies(ctx, s, stdout)
	case "cancel":
		if err := s.Cancel(ctx, names[0]); err != nil {
			return storeError(s, err)
		}
		_, err := fmt.Fprintf(stdout, "study %s is cancelled; segments that train are kept when they end\n", names[0])
		return err
	case "ui":
		return serveJobs(ctx, s, addr, logger(stderr))
	}
	freed, err := s.Prune(ctx, !yes)
	if err != nil {
		return storeError(s, err)
	}
	sum := int64(0)
	for _, name := range slices.Sorted(maps.Keys(freed)) {
		fmt.Fprintf(stdout, "%s: %s of states and weights\n", name, say.Bytes(freed[name]))
		sum += freed[name]
	}
	switch {
	case sum == 0:
		fmt.Fprintln(stdout, "no study that has ended has states or weights")
	case yes:
		fmt.Fprintf(stdout, "%s removed\n", say.Bytes(sum))
	default:
		fmt.Fprintf(stdout, "%s would be removed; records stay. Add -yes to remove them\n", say.Bytes(sum))
	}
	return nil
}

// studies prints the studies of a store.
func studies(ctx context.Context, s *store.Postgres, w io.Writer) error {
	all, err := s.Studies(ctx)
	if err != nil {
		return storeError(s, err)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "the store has no study; sweep -store URL submits one")
		return err
	}
	var b bytes.Buffer
	for _, st := range all {
		fmt.Fprintf(&b, "%s: %s, %d of %d trials", st.Name, st.State, st.Trials, st.Points)
		if st.Failed > 0 {
			fmt.Fprintf(&b, ", %d failed", st.Failed)
		}
		if st.Alarms > 0 {
			fmt.Fprintf(&b, ", %s: OTHER BITS", say.Plural(st.Alarms, "alarm"))
		}
		var classes []string
		for _, class := range slices.Sorted(maps.Keys(st.Classes)) {
			classes = append(classes, fmt.Sprintf("%d by class %s", st.Classes[class], class))
		}
		fmt.Fprintf(&b, "\n  %s; priority %d; %s\n", st.Data, st.Priority, strings.Join(append(classes, say.Bytes(st.Bytes)+" of states and weights"), ", "))
		if st.Blocks > 0 {
			fmt.Fprintf(&b, "  %s left: %d train, %d wait at a rung\n", say.Plural(st.Blocks, "block"), st.Busy, st.Waiting)
		}
	}
	_, err = w.Write(b.Bytes())
	return err
}

// workers prints the workers of a store.
func workers(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var url string
	fs := cli.NewFlags("workers")
	storeFlag(fs, &url)
	if err := parse(fs, args); err != nil {
		return err
	}
	s, err := openStore(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Workers(ctx)
	if err != nil {
		return storeError(s, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-20s %7s %5s %-8s %6s %8s %8s  %s\n", "host", "pid", "cores", "class", "trials", "segments", "GFLOP/s", "")
	for _, w := range all {
		state := fmt.Sprintf("%d training", w.Busy)
		switch {
		case w.Left:
			state = "ended"
		case w.Silent > 20*time.Second:
			state = "silent for " + say.Clock(w.Silent)
		}
		fmt.Fprintf(&b, "%-20.20s %7d %5d %-8s %6d %8d %8.1f  %s\n", w.Host, w.PID, w.Cores, w.Class, w.Trials, w.Segments, w.Rate/1e9, state)
	}
	if len(all) == 0 {
		b.Reset()
		fmt.Fprintln(&b, "no worker has run in the last day; sweep worker -store URL starts one")
	}
	_, err = stdout.Write(b.Bytes())
	return err
}
