package dataset

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names of the folders in the two archives.
const (
	binaryFolder = "cifar-10-batches-bin"
	pythonFolder = "cifar-10-batches-py"
)

// An Archive is a tar.gz file on a server.
type Archive struct {
	URL string
	MD5 string // MD5 of the archive, in hex
	Dir string // folder in the archive
	// Files maps the names of the files in Dir to their sizes in bytes. Fetch unpacks only
	// these files, and the archive must have all of them.
	Files map[string]int64
}

// BinaryArchive returns the official archive of the binary version.
func BinaryArchive() Archive {
	const batch = perBatch * recordLen
	return Archive{
		URL: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		MD5: "c32a1d4ab5d03f1284b67883e8d87530",
		Dir: binaryFolder,
		Files: map[string]int64{
			"batches.meta.txt": 61,
			"data_batch_1.bin": batch,
			"data_batch_2.bin": batch,
			"data_batch_3.bin": batch,
			"data_batch_4.bin": batch,
			"data_batch_5.bin": batch,
			"test_batch.bin":   batch,
		},
	}
}

// PythonArchive returns the official archive of the python version.
func PythonArchive() Archive {
	return Archive{
		URL: "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
		MD5: "c58f30108f718f92721af3b95e74349a",
		Dir: pythonFolder,
		Files: map[string]int64{
			"batches.meta": 158,
			"data_batch_1": 31035704,
			"data_batch_2": 31035320,
			"data_batch_3": 31035999,
			"data_batch_4": 31035696,
			"data_batch_5": 31035623,
			"test_batch":   31035526,
		},
	}
}

// CacheDir returns the folder for downloaded data: "fusegrid" in the user's cache folder.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("dataset: there is no cache folder: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "fusegrid"), nil
}

// EnvData is the environment variable that names the data, usually the folder of CIFAR-10.
const EnvData = "FUSEGRID_DATA"

// Find returns the folder in the environment variable FUSEGRID_DATA, without a check of its
// contents. If the variable is not set, Find looks for a complete copy in CacheDir. It reports
// false if there is no such copy.
func Find() (dir string, ok bool) {
	if dir := os.Getenv(EnvData); dir != "" {
		return dir, true
	}
	cache, err := CacheDir()
	if err != nil {
		return "", false
	}
	for _, a := range []Archive{BinaryArchive(), PythonArchive()} {
		if dir := filepath.Join(cache, a.Dir); a.check(dir) == nil {
			return dir, true
		}
	}
	return "", false
}

// ErrNone is the error of [Open] if no folder is named and Find finds none.
var ErrNone = errors.New("dataset: no CIFAR-10 here")

// Open returns the data set at a path; see [LoadWith]. An empty path stands for the folder of [Find].
func Open(path string, o LoadOptions) (*Dataset, error) {
	if path != "" {
		return LoadWith(path, o)
	}
	path, ok := Find()
	if !ok {
		return nil, ErrNone
	}
	d, err := LoadWith(path, o)
	if err != nil && os.Getenv(EnvData) != "" {
		err = fmt.Errorf("%w (%s names the folder)", err, EnvData)
	}
	return d, err
}

// check returns an error if a file of a is missing from dir or has the wrong size.
func (a Archive) check(dir string) error {
	for name, size := range a.Files {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, cause(err))
		}
		if !info.Mode().IsRegular() || info.Size() != size {
			return fmt.Errorf("%s: %d bytes, want a regular file of %d bytes", path, info.Size(), size)
		}
	}
	return nil
}

// Fetch returns the folder of the unpacked archive, cacheDir/a.Dir. If the folder does not exist,
// Fetch downloads and unpacks the archive. The folder appears only when it is complete.
//
// The download goes to the file cacheDir/a.Dir.tar.gz.part. If the download fails or ctx ends, the
// file remains, and the next call resumes the download. If the MD5 is wrong, Fetch removes the
// file.
//
// If progress is not nil, Fetch calls it with the number of downloaded bytes and the total. The total
// is −1 if the server does not report it. Concurrent calls must use different cacheDirs.
func Fetch(ctx context.Context, a Archive, cacheDir string, progress func(done, total int64)) (dir string, err error) {
	f := fetcher{
		client: &http.Client{Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: 30 * time.Second,
			ForceAttemptHTTP2:   true,
		}},
		stall:    time.Minute,
		pause:    2 * time.Second,
		attempts: 3,
	}
	defer f.client.CloseIdleConnections()
	return f.fetch(ctx, a, cacheDir, progress)
}

// maxArchive is the largest download that Fetch accepts. The official archives have 170 MB.
const maxArchive = 1 << 30

// errStalled is the cause of a cancelled request if the server sends no data for too long.
var errStalled = errors.New("the server stopped responding")

// A fetcher holds the timeouts and limits of Fetch.
type fetcher struct {
	client   *http.Client
	stall    time.Duration // time without data after which an attempt ends
	pause    time.Duration // time between two attempts
	attempts int           // successive attempts without a new byte after which the download fails
}

func (f fetcher) fetch(ctx context.Context, a Archive, cacheDir string, progress func(done, total int64)) (string, error) {
	if progress == nil {
		progress = func(done, total int64) {}
	}
	dir := filepath.Join(cacheDir, a.Dir)
	if _, err := os.Lstat(dir); err == nil {
		if err := a.check(dir); err != nil {
			return "", fmt.Errorf("dataset: %w; remove the folder and fetch again", err)
		}
		return dir, nil
	}
	if u, err := url.Parse(a.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("dataset: fetch %q: not a URL of a server; want http://… or https://…", a.URL)
	}
	if err := os.MkdirAll(cacheDir, 0o777); err != nil {
		return "", fmt.Errorf("dataset: cannot create the cache folder: %w", err)
	}
	part := dir + ".tar.gz.part"
	if err := f.download(ctx, a.URL, part, progress); err != nil {
		return "", fmt.Errorf("dataset: fetch %s: %w", a.URL, err)
	}
	sum, err := md5File(ctx, part)
	if err != nil {
		return "", fmt.Errorf("dataset: cannot check the MD5: %w", err)
	}
	if !strings.EqualFold(sum, a.MD5) {
		err := fmt.Errorf("dataset: fetch %s: MD5 %s, want %s; the download was removed; fetch again, or use another URL", a.URL, sum, a.MD5)
		return "", errors.Join(err, os.Remove(part))
	}
	if err := a.unpack(ctx, part, dir); err != nil {
		return "", fmt.Errorf("dataset: cannot unpack %s: %w", part, err)
	}
	if err := os.Remove(part); err != nil {
		return "", fmt.Errorf("dataset: %w", err)
	}
	return dir, nil
}

// A permanent is an error that another attempt cannot fix.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// download completes a partial file, whose name is part, from url. It tries again until f.attempts
// successive attempts have transferred no new byte.
func (f fetcher) download(ctx context.Context, url, part string, progress func(done, total int64)) error {
	furthest := int64(0)
	for failures := 0; ; {
		have, err := f.attempt(ctx, url, part, progress)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w at %d bytes; fetch again to resume", context.Cause(ctx), have)
		}
		if _, ok := errors.AsType[permanent](err); ok {
			return err
		}
		if have > furthest {
			furthest, failures = have, 0
		}
		if failures++; failures >= f.attempts {
			return fmt.Errorf("%w; %d bytes are kept; fetch again to resume", err, have)
		}
		select {
		case <-ctx.Done():
		case <-time.After(f.pause):
		}
	}
}

// attempt sends one request for the missing bytes of the partial file. It returns the new size of
// the file.
func (f fetcher) attempt(ctx context.Context, url, part string, progress func(done, total int64)) (have int64, err error) {
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return 0, permanent{err}
	}
	defer func() {
		if cerr := file.Close(); err == nil && cerr != nil {
			err = permanent{cerr}
		}
	}()
	if have, err = file.Seek(0, io.SeekEnd); err != nil {
		return 0, permanent{err}
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := time.AfterFunc(f.stall, func() { cancel(errStalled) })
	defer alive.Stop()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return have, permanent{err}
	}
	req.Header.Set("Accept-Encoding", "identity") // request the archive itself, without compression in transit
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return have, stalled(ctx, err)
	}
	defer resp.Body.Close()

	total := int64(-1)
	switch resp.StatusCode {
	case http.StatusOK: // the whole file, even if the request was for a range
		if have, err = restart(file); err != nil {
			return have, permanent{err}
		}
		total = resp.ContentLength
	case http.StatusPartialContent:
		var first int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &first); err != nil || first != have {
			return f.again(file, fmt.Errorf("the server sent the range %q, want one that starts at byte %d", resp.Header.Get("Content-Range"), have))
		}
		if resp.ContentLength >= 0 {
			total = have + resp.ContentLength
		}
	case http.StatusRequestedRangeNotSatisfiable:
		var size int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes */%d", &size); err == nil && size == have && have > 0 {
			progress(have, have)
			return have, nil // the download is complete; the MD5 is checked later
		}
		return f.again(file, fmt.Errorf("the server has no byte %d: %s", have, resp.Status))
	default:
		err := fmt.Errorf("the server answers %s", resp.Status)
		if resp.StatusCode < 500 {
			err = permanent{fmt.Errorf("%w; check the URL", err)}
		}
		return have, err
	}

	progress(have, total)
	buf := make([]byte, 256<<10)
	for {
		n, rerr := resp.Body.Read(buf)
		if n > 0 {
			alive.Reset(f.stall)
			if have+int64(n) > maxArchive {
				restart(file)
				return 0, permanent{fmt.Errorf("the server sent more than %d bytes, which is not a CIFAR-10 archive", maxArchive)}
			}
			w, err := file.Write(buf[:n])
			have += int64(w)
			if err != nil {
				return have, permanent{err}
			}
			progress(have, total)
		}
		if rerr == io.EOF {
			return have, nil
		}
		if rerr != nil {
			return have, stalled(ctx, rerr)
		}
	}
}

// restart truncates file, for a download from byte 0.
func restart(file *os.File) (have int64, err error) {
	if err := file.Truncate(0); err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekStart)
}

// again truncates file and returns err. The next attempt then starts from byte 0.
func (f fetcher) again(file *os.File, err error) (int64, error) {
	if _, terr := restart(file); terr != nil {
		return 0, permanent{terr}
	}
	return 0, err
}

// stalled returns errStalled if a stall of the server caused err, else err.
func stalled(ctx context.Context, err error) error {
	if context.Cause(ctx) == errStalled {
		return errStalled
	}
	return err
}

func md5File(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := md5.New()
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A contextReader reads from r until ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
