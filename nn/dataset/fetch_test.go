package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fusegrid/nn/dataset/datasettest"
)

// An entry is an entry of a test archive.
type entry struct {
	name string
	typ  byte
	body string
	link string
}

// soundEntries returns the entries of a valid archive of the folder "set".
func soundEntries() []entry {
	return []entry{
		{"set/", tar.TypeDir, "", ""},
		{"set/a", tar.TypeReg, strings.Repeat("alpha", 100000), ""},
		{"set/b", tar.TypeReg, "beta", ""},
		{"set/readme.html", tar.TypeReg, "<p>", ""},
	}
}

// pack returns a tar.gz file with the entries.
func pack(t *testing.T, entries []entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz, err := gzip.NewWriterLevel(&buf, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(gz)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.typ, Size: int64(len(e.body)), Linkname: e.link, Mode: 0o600}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func archiveOf(b []byte, url string) Archive {
	return Archive{
		URL:   url,
		MD5:   md5Of(string(b)),
		Dir:   "set",
		Files: map[string]int64{"a": 500000, "b": 4},
	}
}

// impatient returns a fetcher with short timeouts for tests.
func impatient() fetcher {
	return fetcher{client: &http.Client{}, stall: time.Minute, pause: time.Millisecond, attempts: 2}
}

// server starts a server with the handler h and returns its URL.
func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/set.tar.gz"
}

// serveBytes returns a handler that serves b and supports range requests.
func serveBytes(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "set.tar.gz", time.Time{}, bytes.NewReader(b))
	}
}

// names returns the names in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// whole checks that the cache holds the unpacked set and nothing else.
func whole(t *testing.T, cache, dir string) {
	t.Helper()
	if want := filepath.Join(cache, "set"); dir != want {
		t.Errorf("folder %q, want %q", dir, want)
	}
	if got := names(t, cache); !slices.Equal(got, []string{"set"}) {
		t.Errorf("the cache holds %v", got)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the folder holds %v", got)
	}
	b, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil || string(b) != strings.Repeat("alpha", 100000) {
		t.Errorf("file a: %d bytes, error %v", len(b), err)
	}
}

func TestFetch(t *testing.T) {
	b := pack(t, soundEntries())
	requests := 0
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		serveBytes(b)(w, r)
	})
	cache := filepath.Join(t.TempDir(), "not", "yet")
	var last, total int64
	progress := func(done, all int64) {
		if done < last {
			t.Errorf("progress goes from %d back to %d", last, done)
		}
		last, total = done, all
	}
	dir, err := Fetch(t.Context(), archiveOf(b, url), cache, progress)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, cache, dir)
	if last != int64(len(b)) || total != int64(len(b)) {
		t.Errorf("progress ends at %d of %d, want %d", last, total, len(b))
	}
	// A second call finds the folder and sends no request.
	if _, err := Fetch(t.Context(), archiveOf(b, url), cache, nil); err != nil || requests != 1 {
		t.Errorf("second call: error %v after %d requests", err, requests)
	}
	// Fetch does not accept a damaged folder.
	if err := os.Truncate(filepath.Join(dir, "b"), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := Fetch(t.Context(), archiveOf(b, url), cache, nil); err == nil || !strings.Contains(err.Error(), "remove the folder") {
		t.Errorf("damaged folder: error %v", err)
	}
}

// TestFetchResumesWithinACall uses a server that breaks off after 100,000 bytes of each answer.
// Fetch must repeat the request until the file is complete, and must transfer each byte once.
func TestFetchResumesWithinACall(t *testing.T) {
	b := pack(t, soundEntries())
	var ranges []string
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		serveBytes(b)(&breaking{ResponseWriter: w, left: 100000}, r)
	})
	cache := t.TempDir()
	dir, err := impatient().fetch(t.Context(), archiveOf(b, url), cache, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, cache, dir)
	if want := []string{"", "bytes=100000-", "bytes=200000-"}; len(ranges) != 6 || !slices.Equal(ranges[:3], want) {
		t.Errorf("ranges asked for: %q", ranges)
	}
}

// breaking returns a handler that drops the connection after n bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) <= b.left {
		b.left -= len(p)
		return b.ResponseWriter.Write(p)
	}
	b.ResponseWriter.Write(p[:b.left])
	b.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestFetchGoesOnFromPart(t *testing.T) {
	b := pack(t, soundEntries())
	for _, c := range []struct {
		name   string
		part   []byte
		handle http.HandlerFunc
	}{
		{"range", b[:12345], serveBytes(b)},
		{"complete", b, serveBytes(b)}, // the server answers with status 416
		{"too long", append(slices.Clone(b), "more"...), serveBytes(b)},
		{"server without ranges", b[:12345], func(w http.ResponseWriter, r *http.Request) { w.Write(b) }},
		{"server with a wrong range", b[:12345], func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				w.Write(b)
				return
			}
			w.Header().Set("Content-Range", "bytes 0-99/100")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(b[:100])
		}},
	} {
		cache := t.TempDir()
		if err := os.WriteFile(filepath.Join(cache, "set.tar.gz.part"), c.part, 0o666); err != nil {
			t.Fatal(err)
		}
		dir, err := impatient().fetch(t.Context(), archiveOf(b, server(t, c.handle)), cache, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		whole(t, cache, dir)
	}
}

func TestFetchWrongMD5(t *testing.T) {
	b := pack(t, soundEntries())
	cache := t.TempDir()
	a := archiveOf(b, server(t, serveBytes([]byte("not that"))))
	_, err := impatient().fetch(t.Context(), a, cache, nil)
	if err == nil || !strings.Contains(err.Error(), "want "+a.MD5) || !strings.Contains(err.Error(), "MD5 "+md5Of("not that")) {
		t.Errorf("error %v, want both sums", err)
	}
	if got := names(t, cache); len(got) != 0 {
		t.Errorf("the cache holds %v, want nothing", got)
	}
}

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestFetchServerErrors(t *testing.T) {
	for _, c := range []struct {
		status   int
		requests int
		want     string
	}{
		{http.StatusNotFound, 1, "404 Not Found; check the URL"},
		{http.StatusForbidden, 1, "403 Forbidden"},
		{http.StatusServiceUnavailable, 2, "503 Service Unavailable"},
		{http.StatusRequestedRangeNotSatisfiable, 2, "416"},
	} {
		requests := 0
		url := server(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			w.WriteHeader(c.status)
		})
		cache := t.TempDir()
		_, err := impatient().fetch(t.Context(), archiveOf(nil, url), cache, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), url) {
			t.Errorf("status %d: error %v", c.status, err)
		}
		if requests != c.requests {
			t.Errorf("status %d: %d requests, want %d", c.status, requests, c.requests)
		}
	}
}

// TestFetchRefusesURLs checks that an invalid URL is rejected before anything is written or repeated.
func TestFetchRefusesURLs(t *testing.T) {
	for _, url := range []string{"", "x", "ftp://example.org/x", "gopher://x y", "file:///etc/hostname", "http://", "http://[::bad"} {
		a := BinaryArchive()
		a.URL = url
		cache := filepath.Join(t.TempDir(), "cache")
		_, err := impatient().fetch(t.Context(), a, cache, nil)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("fetch %q: not a URL", url)) {
			t.Errorf("%q: error %v", url, err)
		}
		if _, err := os.Lstat(cache); err == nil {
			t.Errorf("%q: the cache folder was made", url)
		}
	}
}

func TestFetchSilentServer(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("some"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	f := impatient()
	f.stall = 50 * time.Millisecond
	cache := t.TempDir()
	_, err := f.fetch(t.Context(), archiveOf(nil, url), cache, nil)
	if err == nil || !strings.Contains(err.Error(), "stopped responding") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestFetchCancelledKeepsPart(t *testing.T) {
	b := pack(t, soundEntries())
	slow := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write(b[:50000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	cache := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := impatient().fetch(ctx, archiveOf(b, slow), cache, func(done, total int64) {
		if done == 50000 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "at 50000 bytes") {
		t.Errorf("error %v", err)
	}
	if got := names(t, cache); !slices.Equal(got, []string{"set.tar.gz.part"}) {
		t.Fatalf("the cache holds %v", got)
	}
	dir, err := impatient().fetch(t.Context(), archiveOf(b, server(t, serveBytes(b))), cache, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, cache, dir)
}

func TestFetchHostileArchives(t *testing.T) {
	sound := soundEntries()
	with := func(extra ...entry) []entry { return append(slices.Clone(sound), extra...) }
	for _, c := range []struct {
		name    string
		entries []entry
		want    string // empty if Fetch ignores the entries and unpacks the rest
	}{
		{"parent", with(entry{"set/../../evil", tar.TypeReg, "x", ""}, entry{"../evil", tar.TypeReg, "x", ""}), ""},
		{"absolute", with(entry{"/tmp-evil/a", tar.TypeReg, "x", ""}), ""},
		{"unlisted", with(entry{"set/c", tar.TypeReg, "x", ""}, entry{"a", tar.TypeReg, "x", ""}, entry{"set/sub/a", tar.TypeReg, "x", ""}), ""},
		{"unlisted links", with(entry{"set/c", tar.TypeSymlink, "", "/etc"}, entry{"set/d", tar.TypeFifo, "", ""}), ""},
		{"link for a file", append([]entry{{"set/a", tar.TypeSymlink, "", "/etc/passwd"}}, sound...), "not a regular file"},
		{"hard link for a file", append([]entry{{"set/a", tar.TypeLink, "", "set/b"}}, sound...), "not a regular file"},
		{"device", append([]entry{{"set/a", tar.TypeChar, "", ""}}, sound...), "not a regular file"},
		{"folder for a file", append([]entry{{"set/a", tar.TypeDir, "", ""}}, sound...), "not a regular file"},
		{"short", []entry{{"set/a", tar.TypeReg, "x", ""}}, `entry "set/a" has 1 bytes, want 500000`},
		{"long", with(entry{"set/b", tar.TypeReg, "betas", ""}), `entry "set/b" has 5 bytes, want 4`},
		{"duplicate", with(entry{"set/b", tar.TypeReg, "atad", ""}), "occurs twice"},
		{"missing", sound[:2], "lacks set/b"},
		{"empty", nil, "lacks set/a, b"},
		{"huge", append([]entry{{"bomb", tar.TypeReg, strings.Repeat("\x00", 20<<20), ""}}, sound...), "unpacks to more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parent := t.TempDir()
			cache := filepath.Join(parent, "cache")
			b := pack(t, c.entries)
			dir, err := impatient().fetch(t.Context(), archiveOf(b, server(t, serveBytes(b))), cache, nil)
			if got := names(t, parent); !slices.Equal(got, []string{"cache"}) {
				t.Errorf("next to the cache there is %v", got)
			}
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				whole(t, cache, dir)
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if got := names(t, cache); !slices.Equal(got, []string{"set.tar.gz.part"}) {
				t.Errorf("the cache holds %v", got)
			}
		})
	}
}

func TestFetchDamagedGzip(t *testing.T) {
	b := pack(t, soundEntries())
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"truncated", b[:len(b)/2], "unexpected EOF"},
		{"no gzip", []byte("<html>moved</html>"), "not a gzip file"},
		{"empty", nil, "not a gzip file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache := t.TempDir()
			_, err := impatient().fetch(t.Context(), archiveOf(c.b, server(t, serveBytes(c.b))), cache, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if _, err := os.Lstat(filepath.Join(cache, "set")); err == nil {
				t.Error("a folder was made")
			}
		})
	}
}

func TestFetchUnwritableCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := impatient().fetch(t.Context(), archiveOf(nil, "http://127.0.0.1:1/"), filepath.Join(file, "cache"), nil)
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v", err)
	}
}

func TestFind(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HOME", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("FUSEGRID_DATA", "")
	if dir, ok := Find(); ok {
		t.Errorf("an empty cache gives %q", dir)
	}
	root, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	a := PythonArchive()
	folder := filepath.Join(root, a.Dir)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, size := range a.Files {
		if _, ok := Find(); ok {
			t.Error("an incomplete folder is found")
		}
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o666), os.Truncate(path, size)); err != nil {
			t.Fatal(err)
		}
	}
	if dir, ok := Find(); !ok || dir != folder {
		t.Errorf("Find gives %q, %v", dir, ok)
	}
	t.Setenv("FUSEGRID_DATA", "elsewhere")
	if dir, ok := Find(); !ok || dir != "elsewhere" {
		t.Errorf("with FUSEGRID_DATA, Find gives %q, %v", dir, ok)
	}
}

func TestOpen(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HOME", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("FUSEGRID_DATA", "")
	if _, err := Open("", LoadOptions{}); err != ErrNone {
		t.Errorf("without a folder: %v", err)
	}
	const named = "(FUSEGRID_DATA names the folder)"
	t.Setenv("FUSEGRID_DATA", "elsewhere")
	if _, err := Open("", LoadOptions{}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "elsewhere") || !strings.HasSuffix(err.Error(), named) {
		t.Errorf("FUSEGRID_DATA names no folder: %v", err)
	}
	if _, err := Open("nowhere", LoadOptions{}); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), named) {
		t.Errorf("the caller names no folder: %v", err)
	}
	dir := t.TempDir()
	datasettest.WriteBinary(t, dir, 20)
	t.Setenv("FUSEGRID_DATA", dir)
	if d, err := Open("", LoadOptions{}); err != nil || d.Train.Len() == 0 {
		t.Errorf("FUSEGRID_DATA names a folder: %v", err)
	}
}

// TestArchivesMatchLoad checks that the archives list exactly the files that Load reads.
func TestArchivesMatchLoad(t *testing.T) {
	for i, a := range []Archive{BinaryArchive(), PythonArchive()} {
		v := versions()[i]
		if a.Dir != v.folder || len(a.Files) != trainBatches+2 || len(a.MD5) != 32 {
			t.Errorf("archive %+v", a)
		}
		for _, name := range append(v.batches(), v.meta) {
			if a.Files[name] == 0 {
				t.Errorf("archive of %s lacks %s", a.Dir, name)
			}
		}
	}
}
