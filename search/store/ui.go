package store

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"riverqueue.com/riverui"
)

// UI returns a handler with River's pages of the jobs of a store, until ctx is done. The pages have no login. The handler
// refuses what pages of other sites can make a browser send: changes with another origin, and requests for other hosts
// than localhost or an IP address. It also refuses to pause a queue, because workers would stop without a word.
func UI(ctx context.Context, s *Postgres) (http.Handler, error) {
	if _, err := s.check(ctx); err != nil {
		return nil, err
	}
	pages, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints(s.client, nil),
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, err
	}
	if err := pages.Start(ctx); err != nil {
		return nil, err
	}
	inner := http.NewCrossOriginProtection().Handler(pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		// Another name may have been made to point here, so that pages of its site could read what this handler sends.
		if host != "localhost" && net.ParseIP(host) == nil {
			http.Error(w, fmt.Sprintf("%.100q is no name of this server; open it as localhost or by its IP address", r.Host), http.StatusMisdirectedRequest)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/pause") {
			http.Error(w, "a pause would stop all studies of a queue; sweep store cancel stops one study", http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, r)
	}), nil
}
