// Package live serves the page of a study while it runs. The page follows the study by server-sent events:
//
//	rows    trials that were recorded, with their places in the order of all trials. The id of the event
//	        names the state after it. A browser that connects again sends the id of the last event that it
//	        has, and gets what is new since then. If the study has more trials than a page, the event has
//	        only their number
//	cards   the cards of the page that its script does not draw, and the shape of the page. They are not
//	        older than the trials of the page
//	status  how far the sweep is
//	reload  the page must be loaded again, because its state is not one of this study, or is too old
//
// The server reads the journal of the study, and writes nothing. So it does not matter who trains the trials, and the
// server continues if the sweep ends, is killed or starts again. Ids are the same in any process that reads the same
// journal. While nobody watches, nothing is read.
package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fusegrid/report"
	"fusegrid/results"
	"fusegrid/results/curve"
)

// A Source is a study to show.
type Source struct {
	Journal string // its journal, which need not exist yet

	// Page returns the material of a page of a table.
	Page func(ctx context.Context, t *results.Table) (*report.Page, error)

	// Status says in one line how far the sweep is.
	Status func() string

	// Curve returns the curve of a trial, and reports whether there is one.
	Curve func(key string) (curve.Curve, bool, error)
}

// Times and limits of a server.
const (
	lookEvery   = 500 * time.Millisecond // between two looks at the journal
	statusEvery = 2 * time.Second
	beatEvery   = 15 * time.Second // between two signs of life of a stream
	writeWithin = 20 * time.Second // a watcher must take an event
	cardsAtMost = 20               // cards take at most one part in cardsAtMost of the time of a core
	mostRows    = 2000             // trials of an event; a page that lacks more is loaded again
	mostWatch   = 32               // streams at a time
	mostCurves  = 10               // curves of a request
)

// A Server serves a study. It is a handler for requests that a Guard has let through.
type Server struct {
	source Source
	study  *study

	watchers atomic.Int32
	looks    sync.Mutex // held while the journal is read

	pages  sync.Mutex // guards page and pageOf
	page   []byte     // the last page
	pageOf string     // its state

	events sync.Mutex // guards last and lastOf
	last   string     // the data of the last event of trials
	lastOf [2]string  // the states before and after it

	mu   sync.Mutex // guards told
	told told
}

// told is what all watchers are told in addition to trials.
type told struct {
	status, cards string // data of events
	cardsOf       string // the state of which the cards are
	changed       chan struct{}
}

// New returns a server of a study.
func New(source Source) *Server {
	return &Server{source: source, study: newStudy(source.Journal), told: told{changed: make(chan struct{})}}
}

// Serve serves a study on a listener until ctx is done. It then tells all watchers what is new, and returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener, g Guard) error {
	var background sync.WaitGroup
	running, stop := context.WithCancel(context.Background())
	background.Go(func() { s.follow(running) })
	h := &http.Server{
		Handler: g.Wrap(s), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
		BaseContext: func(net.Listener) context.Context { return running },
		ErrorLog:    silent(),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	_ = s.Look() // watchers are told
	s.tell()
	time.Sleep(50 * time.Millisecond) // streams write what is new
	stop()
	background.Wait()
	closing, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if h.Shutdown(closing) != nil {
		_ = h.Close()
	}
	return err
}

// follow looks at the journal again and again, and computes cards, while somebody watches.
func (s *Server) follow(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var statusAt, cardsAfter time.Time
	cardsOf := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.watchers.Load() == 0 {
			continue
		}
		_ = s.Look() // watchers are told
		now := time.Now()
		if now.Sub(statusAt) >= statusEvery {
			statusAt = now
			s.tell()
		}
		if now.Before(cardsAfter) {
			continue
		}
		if id := s.id(); id != cardsOf {
			s.cards(ctx)
			cardsOf, cardsAfter = id, time.Now().Add(max(statusEvery, cardsAtMost*time.Since(now)))
		}
	}
}

func (s *Server) id() string {
	s.study.mu.RLock()
	defer s.study.mu.RUnlock()
	return s.study.id(len(s.study.log))
}

// Look reads what is new in the journal. It returns an error if the file is no journal.
func (s *Server) Look() error {
	s.looks.Lock()
	defer s.looks.Unlock()
	return s.study.look()
}

// tell tells all watchers the status, if it is another one.
func (s *Server) tell() {
	status := ""
	if s.source.Status != nil {
		status = s.source.Status()
	}
	s.study.mu.RLock()
	if err := s.study.err; err != nil {
		status = err.Error()
	}
	s.study.mu.RUnlock()
	data, _ := json.Marshal(status) // a text
	s.say(func(t *told) { t.status = string(data) })
}

// say changes what watchers are told.
func (s *Server) say(change func(*told)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.told
	change(&s.told)
	if s.told != before {
		close(s.told.changed)
		s.told.changed = make(chan struct{})
	}
}

// cards computes the cards of the present state.
func (s *Server) cards(ctx context.Context) {
	table, id := s.study.table()
	if table.Len() == 0 {
		return
	}
	p, err := s.source.Page(ctx, table)
	if err != nil {
		return // the next page says why
	}
	p.Live = &report.Live{}
	html, shape, err := p.Cards()
	if err != nil {
		return
	}
	data, err := json.Marshal(struct {
		Shape string `json:"shape"`
		HTML  string `json:"html"`
	}{shape, html})
	if err == nil {
		s.say(func(t *told) { t.cards, t.cardsOf = string(data), id })
	}
}

// ServeHTTP serves the page, its stream of events, and curves.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		s.servePage(w, r)
	case "/events":
		s.serveEvents(w, r)
	case "/curves":
		s.serveCurves(w, r)
	default:
		refuse(w, http.StatusNotFound, "there is nothing here; the page is at /")
	}
}

// servePage serves the page of the present state. Watchers that ask at the same time get the same one.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	err := s.Look()
	var page []byte
	if err == nil {
		s.pages.Lock()
		page, err = s.newPage(r.Context())
		s.pages.Unlock()
	}
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(3 * writeWithin))
	_, _ = w.Write(page)
}

// newPage returns the page of the present state. The caller must hold pages.
func (s *Server) newPage(ctx context.Context) ([]byte, error) {
	table, id := s.study.table()
	if s.page != nil && s.pageOf == id {
		return s.page, nil
	}
	p, err := s.source.Page(ctx, table)
	if err != nil {
		return nil, err
	}
	p.Live = &report.Live{Events: "events", Curves: "curves", After: id}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return nil, err
	}
	s.page, s.pageOf = b.Bytes(), id
	return s.page, nil
}

// serveEvents serves the stream of events.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	if s.watchers.Add(1) > mostWatch {
		s.watchers.Add(-1)
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d watchers are the most; close another one", mostWatch))
		return
	}
	defer s.watchers.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	e := &stream{w: w, control: http.NewResponseController(w)}
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.URL.Query().Get("after")
	}
	e.text("retry: 2000\n\n")
	_ = s.Look() // the status has the error
	s.tell()
	s.stream(r.Context(), e, after)
}

// stream writes events to a watcher that has the state after, until ctx is done or the watcher is gone.
func (s *Server) stream(ctx context.Context, e *stream, after string) {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	var had told
	for e.err == nil {
		s.mu.Lock()
		now := s.told
		s.mu.Unlock()
		c, more, ok := s.study.since(after)
		if !ok {
			e.event("reload", "", "{}")
			return
		}
		if c.id != after {
			data, err := s.rows(ctx, c)
			if err != nil {
				e.event("reload", "", "{}")
				return
			}
			e.event("rows", c.id, data)
			after = c.id
		}
		if now.status != had.status {
			e.event("status", "", now.status)
			had.status = now.status
		}
		if now.cards != had.cards && !s.study.older(now.cardsOf, after) {
			e.event("cards", "", now.cards)
			had.cards = now.cards
		}
		e.flush()
		if e.err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-more:
		case <-now.changed:
		case <-beat.C:
			e.text(": beat\n\n")
		}
	}
}

// rows returns the data of the event of a change. Most watchers have the same state, and get the same data. If the study
// has more trials than a page, the event has only their number.
func (s *Server) rows(ctx context.Context, c change) (string, error) {
	s.events.Lock()
	defer s.events.Unlock()
	of := [2]string{c.after, c.id}
	if s.lastOf == of {
		return s.last, nil
	}
	if c.total > report.MostTrials {
		c.records, c.at, c.again = nil, []int{}, []bool{}
	}
	p, err := s.source.Page(ctx, results.NewTableOf(c.records, results.ByMean))
	if err != nil {
		return "", err
	}
	p.Live = &report.Live{}
	data, err := json.Marshal(struct {
		*report.Rows
		At    []int  `json:"at"`
		Again []bool `json:"again"`
		Total int    `json:"total"`
	}{p.Rows(), c.at, c.again, c.total})
	if err == nil {
		s.last, s.lastOf = string(data), of
	}
	return string(data), err
}

// serveCurves serves the curves of some trials, by the beginnings of their keys.
func (s *Server) serveCurves(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()["trial"]
	if len(asked) == 0 || len(asked) > mostCurves {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("ask for 1 to %d trials, as in /curves?trial=KEY", mostCurves))
		return
	}
	all := make([]*report.Series, len(asked))
	for i, key := range s.study.find(asked) {
		if key == "" || s.source.Curve == nil {
			continue
		}
		c, ok, err := s.source.Curve(key)
		if err != nil {
			refuse(w, http.StatusInternalServerError, err.Error())
			return
		}
		if ok {
			all[i] = report.SeriesOf(c)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all)
}

// find returns the keys of trials by their beginnings, or "" for those that do not exist.
func (s *study) find(beginnings []string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := make([]string, len(beginnings))
	for _, i := range s.order {
		key := s.log[i].record.Key
		if at := slices.IndexFunc(beginnings, func(b string) bool { return len(b) >= 12 && strings.HasPrefix(key, b) }); at >= 0 {
			found[at] = key
		}
	}
	return found
}
