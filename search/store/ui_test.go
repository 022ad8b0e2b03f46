//go:build !386 && !arm

package store

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/postgrestest"
)

// TestUI asks for River's pages, and sends what a page of another site could make a browser send.
func TestUI(t *testing.T) {
	s := postgres(t, postgrestest.Start(t), "ui", time.Second)
	const words = "block=4"
	id, err := s.submit(t.Context(), described("study", words), 0, blocksOf(t, words), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	h, err := UI(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, host, path, body string, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, "http://"+host+path, strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := ask("GET", "127.0.0.1:8080", "/", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<script") {
		t.Errorf("page: %d %s", w.Code, w.Body)
	}
	if w := ask("GET", "127.0.0.1:8080", "/api/jobs?state=available", ""); w.Code != http.StatusOK || strings.Count(w.Body.String(), `"kind":"segment"`) != count(t, s, "SELECT count(*) FROM block WHERE study = $1", id) {
		t.Errorf("jobs: %d %s", w.Code, w.Body)
	}
	for host, want := range map[string]int{
		"127.0.0.1:8080": 200, "[::1]:8080": 200, "localhost:8080": 200, "localhost": 200, "10.1.2.3": 200, "[fe80::1]": 200, "worker7.example:8080": 421,
		"evil.example:8080": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "": 421,
	} {
		r := httptest.NewRequest("GET", "/api/states", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
	if w := ask("PUT", "127.0.0.1:8080", "/api/queues/tiny/pause", "", "Origin", "http://127.0.0.1:8080"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "sweep store cancel") {
		t.Errorf("pause: %d %s", w.Code, w.Body)
	}
	job := count(t, s, "SELECT min(id) FROM river_job")
	cancel := func(header ...string) int {
		return ask("POST", "127.0.0.1:8080", "/api/jobs/cancel", fmt.Sprintf(`{"ids":["%d"]}`, job), header...).Code
	}
	cancelled := func() int { return count(t, s, "SELECT count(*) FROM river_job WHERE state = 'cancelled'") }
	for _, header := range [][]string{
		{"Content-Type", "text/plain", "Origin", "http://evil.example"},
		{"Content-Type", "text/plain", "Origin", "null"},
		{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"},
		{"Content-Type", "application/json", "Origin", "http://127.0.0.1:9090"},
	} {
		if code := cancel(header...); code != http.StatusForbidden || cancelled() != 0 {
			t.Errorf("%q: %d, %d jobs are cancelled", header, code, cancelled())
		}
	}
	if code := cancel("Content-Type", "application/json", "Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-origin"); code != http.StatusOK || cancelled() != 1 {
		t.Errorf("own origin: %d, %d jobs are cancelled", code, cancelled())
	}
}
