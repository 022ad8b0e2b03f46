package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"fusegrid/search/store"
)

// serveJobs serves pages with the jobs of a store, until ctx is done.
func serveJobs(ctx context.Context, s *store.Postgres, addr string, l *log.Logger) error {
	w := watched{addr: addr}
	if host, _, err := net.SplitHostPort(addr); err == nil && !loopback(host) {
		return badInput{fmt.Errorf("-addr %s: the pages have no login, so only this machine may reach them; from another one, use ssh -L 8080:127.0.0.1:8080 HOST", addr)}
	}
	if err := w.check("addr"); err != nil {
		return err
	}
	handler, err := store.UI(ctx, s)
	if err != nil {
		return storeError(s, err)
	}
	listener, _, err := w.listen(ctx, "addr")
	if err != nil {
		return err
	}
	l.Printf("the pages of the jobs are at %s until Ctrl-C", w.address(listener))
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
