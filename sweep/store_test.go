package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fusegrid"
	"fusegrid/internal/golden"
	"fusegrid/internal/searchtest"
	"fusegrid/nn/dataset"
	"fusegrid/search"
	"fusegrid/search/plan"
	"fusegrid/search/runner"
)

// envWorker makes the test binary a worker, whose arguments it has. The worker sleeps in each iteration, so that a short
// study on any machine lasts long enough for what happens to it.
const envWorker = "FUSEGRID_TEST_WORKER"

// stepTime is the time that each iteration of such a worker sleeps.
const stepTime = 5 * time.Millisecond

// beWorker runs a worker with the arguments.
func beWorker(args []string) int {
	synthetic = sync.OnceValue(few)
	l := &library{adjust: func(s search.Study, data *dataset.Split) (search.Study, error) {
		n := s.Objective.(search.Nets)
		set, err := fusegrid.ForType(n.Kernels, n.DType)
		if err != nil {
			return s, err
		}
		r, err := runner.New(n.DType, set, data)
		s.Runner = sleepy{r}
		return s, err
	}}
	err := l.work(untilInterrupted(), args, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return exitCode(err)
}

// A sleepy runner sleeps in each iteration.
type sleepy struct{ runner.Runner }

func (s sleepy) Run(ctx context.Context, b plan.Block, h runner.Hooks) error {
	stepped := h.Stepped
	h.Observer = searchtest.Watch(h.Observer, func(nets int, flops float64) {
		time.Sleep(stepTime)
		stepped(nets, flops)
	})
	return s.Runner.Run(ctx, b, h)
}

// TestStoreErrors checks the errors of stores that cannot be used. Each has one line with what to do, and no password.
func TestStoreErrors(t *testing.T) {
	const secret = "s3cr3t"
	file, err := filepath.Abs("testdata/store-errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	isolate(t)
	t.Setenv(storeVariable, "")
	t.Setenv("PGPASSWORD", "")
	t.Setenv("PGPASSFILE", "none")
	urls := []string{
		"",
		"mysql://u:" + secret + "@127.0.0.1/d",
		"postgres://u:" + secret + "@127.0.0.1:99999/d",
		"postgres://u:" + secret + "%@127.0.0.1/d",
		"postgres://u:" + secret + "/x@127.0.0.1/d",
		"postgres://u: " + secret + "@127.0.0.1:1/d",
		"host=127.0.0.1 user=u password=" + secret,
		"postgres://u:" + secret + "@127.0.0.1/d?sslmode=sometimes",
		"postgres://u:" + secret + "@127.0.0.1:1/d?sslmode=disable",
		"postgres://u:" + secret + "@127.0.0.1:1/d?search_path=a,b",
		"postgres://127.0.0.1:1/d?sslmode=disable&password=" + secret,
	}
	var got bytes.Buffer
	for _, url := range urls {
		check(t, &got, secret, "workers", "-store", url)
	}
	for _, words := range []string{
		"store", "store frob -store x://", "store cancel -store x://", "store init now -store x://", "store init -segment 0s", "worker -workers 0", "store ui here -store x://",
		"-study a", "-priority 2", "-store x:// -workers 2", "-store x:// -fresh", "-store x:// -shard 1/2", "-store x:// -priority 5",
	} {
		check(t, &got, secret, strings.Fields(words)...)
	}
	var other bytes.Buffer // depends on the system and the build
	check(t, &other, secret, "workers", "-store", "postgres://u:"+secret+"@host.invalid/d")
	check(t, &other, secret, "worker", "-class", "none", "-store", "x://")
	check(t, &other, secret, "-class", "none")
	golden.Check(t, file, got.String())
}

// check runs a command that must fail with one line, without the secret, and appends it to got.
func check(t *testing.T, got io.Writer, secret string, args ...string) {
	t.Helper()
	out, errs, code := call(t, args...)
	errs += out
	if strings.Contains(errs, secret) {
		t.Errorf("%q shows the password: %s", args, errs)
	}
	if code != exitBadInput && len(args) > 1 || strings.Count(errs, "\n") != 1 && code != exitOK {
		t.Errorf("%q: exit code %d: %s", args, code, errs)
	}
	if code == exitOK {
		errs, _, _ = strings.Cut(errs, "\n")
		errs += "\n"
	}
	fmt.Fprintf(got, "%s\n  %s", strings.ReplaceAll(quote(args), secret, "SECRET"), errs)
}
