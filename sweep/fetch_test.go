package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestFetch(t *testing.T) {
	isolate(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wrong" {
			io.WriteString(w, "this is no archive")
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	for path, want := range map[string]string{"/missing": "404", "/wrong": "c32a1d4ab5d03f1284b67883e8d87530"} {
		t.Run(path, func(t *testing.T) {
			stdout, stderr, code := call(t, "fetch", "-quiet", "-url", server.URL+path)
			if code != exitBadInput || stdout != "" || !strings.Contains(stderr, want) {
				t.Errorf("%s: exit code %d, stdout %q, stderr %q; want a word of %s", path, code, stdout, stderr, want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, stderr, code := callContext(t, ctx, "fetch", "-quiet", "-url", server.URL+"/wrong")
	if code != exitInterrupted || !strings.Contains(stderr, "fetch -quiet -url "+server.URL+"/wrong") {
		t.Errorf("interrupted: exit code %d, stderr %q", code, stderr)
	}
}

func TestDownloadLine(t *testing.T) {
	var d download
	if got := d.line(time.Second, 79); got != "connecting" {
		t.Errorf("at first: %q", got)
	}
	d.progress(20e6, 170e6)
	d.progress(60e6, 170e6)
	if got, want := d.line(10*time.Second, 79), "[==========>                   ]  35%  60.0 of 170.0 MB  4.0 MB/s  ETA 28s"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	d.progress(60e6, -1)
	if got, want := d.line(10*time.Second, 79), "60.0 MB  4.0 MB/s"; got != want {
		t.Errorf("size unknown: got %q, want %q", got, want)
	}
}
