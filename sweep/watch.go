package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/report"
	"fusegrid/report/live"
	"fusegrid/results"
	"fusegrid/results/curve"
	"fusegrid/search/folder"
	"fusegrid/search/progress"
)

// A watched holds where the page of a study is served, while it runs.
type watched struct {
	addr  string // "" for nowhere
	token string
}

// tokenVariable is the variable with the token, for those who do not want it in lists of processes.
const tokenVariable = "FUSEGRID_TOKEN"

// validToken matches tokens, which stand in an address.
var validToken = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9_.~-]{%d,}$`, live.LeastToken))

// flags adds the flag of the address, which has another name in each command, and that of the token.
func (w *watched) flags(fs *flag.FlagSet, name string) {
	fs.Func(name, "", func(s string) error {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return errors.New("give an address with a port, such as 127.0.0.1:8080, or 127.0.0.1:0 for a port that is free")
		}
		w.addr = s
		return nil
	})
	fs.Func("token", "", func(s string) error {
		w.token = s
		return nil
	})
}

// check returns an error if others could connect to the address without a token. The flag of the address has the given
// name.
func (w *watched) check(name string) error {
	if w.addr == "" && w.token != "" {
		return badInput{fmt.Errorf("-token is for -%s; give -%s ADDR, too", name, name)}
	}
	if w.token == "" {
		w.token = os.Getenv(tokenVariable)
	}
	host, _, err := net.SplitHostPort(w.addr)
	switch {
	case w.addr == "":
	case err != nil:
		return badInput{fmt.Errorf("-%s %s: %w", name, w.addr, err)}
	case w.token != "" && !validToken.MatchString(w.token):
		return badInput{fmt.Errorf("-token: give at least %d letters, digits, hyphens, dots, tildes and underscores, such as %s", live.LeastToken, rand.Text())}
	case w.token == "" && !loopback(host):
		return badInput{fmt.Errorf("-%s %s: other machines can connect there, so give a secret, such as -token %s", name, w.addr, rand.Text())}
	}
	return nil
}

// listen listens on the address of the flag with the given name.
func (w *watched) listen(ctx context.Context, name string) (net.Listener, live.Guard, error) {
	host, _, err := net.SplitHostPort(w.addr)
	if err != nil {
		return nil, live.Guard{}, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", w.addr)
	if err != nil {
		if failed, ok := errors.AsType[*net.OpError](err); ok {
			err = failed.Err
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			err = errors.New("another program uses the port; give another one, or 0 for one that is free")
		}
		return nil, live.Guard{}, badInput{fmt.Errorf("-%s %s: %w", name, w.addr, err)}
	}
	return l, live.Guard{Host: host, Token: w.token}, nil
}

// loopback reports whether only this machine can connect to a host.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// address returns what to open in a browser.
func (w *watched) address(l net.Listener) string {
	host, port, _ := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	} else if given, _, err := net.SplitHostPort(w.addr); err == nil && given != "" {
		host = given
	}
	url := "http://" + net.JoinHostPort(host, port) + "/"
	if w.token != "" {
		url += "?token=" + w.token
	}
	return url
}

// watch is the command sweep watch.
func watch(ctx context.Context, args []string, _, stderr io.Writer) error {
	w := watched{addr: "127.0.0.1:8080"}
	var data dataChoice
	fs := cli.NewFlags("watch")
	w.flags(fs, "addr")
	data.loadFlags(fs)
	names, err := parseNames(fs, args)
	if err == nil {
		err = w.check("addr")
	}
	switch {
	case err != nil:
		return err
	case len(names) > 1:
		return badInput{fmt.Errorf("watch shows one folder, not %d; give one of them", len(names))}
	case len(names) == 0:
		only, err := onlyOut("after the command")
		if err != nil {
			return err
		}
		names = []string{only}
	}
	dir := names[0]
	if !isFolder(dir) {
		return badInput{fmt.Errorf("%s: there is no such folder; give the folder of a sweep", dir)}
	}
	collectFor(0) // nearly all of the memory is records
	server := live.New(sourceOf(dir, data).live())
	if err := server.Look(); err != nil {
		return badInput{err}
	}
	l, guard, err := w.listen(ctx, "addr")
	if err != nil {
		return err
	}
	logger(stderr).Printf("%s is at %s (Ctrl-C ends this)", dir, w.address(l))
	return server.Serve(ctx, l, guard)
}

// serve serves the page of the folder of a sweep while it trains. The function that it returns ends that.
func (o *options) serve(ctx context.Context) (stop func(), err error) {
	if o.watched.addr == "" {
		return func() {}, nil
	}
	l, guard, err := o.watched.listen(ctx, "watch")
	if err != nil {
		return nil, err
	}
	o.Log.Printf("the page of this sweep is at %s", o.watched.address(l))
	serving, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := live.New(sourceOf(o.Dir, o.data).live()).Serve(serving, l, guard); err != nil {
			o.Log.Printf("the page is no longer served: %v", err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}, nil
}

// A liveSource is a folder whose page is served.
type liveSource struct {
	dir     string
	data    dataChoice // given by flags
	journal string

	mu       sync.Mutex // guards the rest
	curves   *folder.Curves
	size     int64     // of the file of curves
	opened   time.Time // when it was read
	pictures map[string][]byte
}

func sourceOf(dir string, data dataChoice) *liveSource {
	return &liveSource{dir: dir, data: data, journal: filepath.Join(dir, folder.JournalName), pictures: map[string][]byte{}}
}

func (s *liveSource) live() live.Source {
	return live.Source{Journal: s.journal, Page: s.page, Status: s.status, Curve: s.curve}
}

// page returns the material of the page of a table.
func (s *liveSource) page(ctx context.Context, t *results.Table) (*report.Page, error) {
	r := &reporter{data: s.data, stderr: io.Discard, table: &sweepTable{Table: t, dirs: []string{s.dir}}}
	p := &report.Page{Table: t, Implied: implied, Version: cli.Version("sweep"), Command: r.command, Folders: []report.Folder{{Name: s.dir}}}
	if t.Len() == 0 {
		return p, nil
	}
	r.choose(s.dir)
	r.verifyCommands(p)
	p.Lists = listedAxes(t.Record(0).Config)
	var kept map[string]bool
	p.Net = func(_ int, rec *results.Record) (*report.Net, error) {
		if kept == nil { // once, because trials may be many
			kept = keptNets(s.dir)
		}
		if !kept[rec.Key+weightsEnd] {
			return nil, nil
		}
		return s.picture(rec), nil
	}
	return p, nil
}

// picture returns the picture of a kept net, or nil. A confusion matrix would need the data set.
func (s *liveSource) picture(rec *results.Record) *report.Net {
	id := rec.Key + rec.Weights
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.pictures[id]
	if !ok {
		var err error
		if _, text, err = drawWeights(s.dir, rec); err != nil { // the sweep may be writing it
			return nil
		}
		if len(s.pictures) > 100 {
			clear(s.pictures)
		}
		s.pictures[id] = text
	}
	if text == nil {
		return nil
	}
	return &report.Net{PNG: text}
}

// curve returns the curve of a trial. The file of curves is read again if it has grown.
func (s *liveSource) curve(key string) (curve.Curve, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const pause = time.Second // between two readings of the file
	info, err := os.Stat(filepath.Join(s.dir, folder.CurvesName))
	if err != nil {
		return curve.Curve{}, false, nil
	}
	if s.curves == nil || info.Size() != s.size && time.Since(s.opened) > pause {
		c, err := (&folder.Folder{Dir: s.dir}).Curves()
		if err != nil {
			return curve.Curve{}, false, err
		}
		if s.curves != nil {
			s.curves.Close()
		}
		s.curves, s.size, s.opened = c, info.Size(), time.Now()
	}
	return sound(s.curves)(key)
}

// status says in one line how far the sweep is.
func (s *liveSource) status() string {
	v := &viewer{dir: s.dir, journal: journalTail{Tail: results.Tail{Name: s.journal}}}
	if err := v.lookAtStatus(); err != nil {
		return fmt.Sprintf("the state of the sweep is not known: %v", err)
	}
	st := v.status
	switch v.state {
	case idle:
		return "no sweep runs"
	case starting:
		return "a sweep runs"
	case killed:
		return "the sweep was killed at " + clockOf(st.Written)
	case progress.Running:
	default:
		return fmt.Sprintf("%s at %s", v.state, clockOf(st.Written))
	}
	parts := []string{fmt.Sprintf("training, %.0f %%", 100*st.Share)}
	if st.Left >= 0 {
		parts = append(parts, say.Clock(time.Duration(st.Left*float64(time.Second)))+" left")
	}
	return strings.Join(append(parts, crewOf(st)...), ", ")
}

func clockOf(t time.Time) string { return t.Local().Format(time.TimeOnly) }

// crewOf describes the processes of a store that train.
func crewOf(st *progress.Status) []string {
	const most = 4
	var parts []string
	for i, w := range st.Workers {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(st.Workers)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %.0f GFLOP/s", w.Name, w.Rate/1e9))
	}
	return parts
}
