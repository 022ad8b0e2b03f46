//go:build unix && !386 && !arm

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fusegrid/internal/postgrestest"
	"fusegrid/internal/searchtest"
	"fusegrid/results"
)

// A team is a number of worker processes on one store. A test kills and freezes them.
type team struct {
	t       *testing.T
	members []*member
	log     *os.File // all that they say
}

// A member is one process of a team.
type member struct {
	*exec.Cmd
	url    string
	prefix []string // of its command
}

// newTeam starts n workers.
func newTeam(t *testing.T, url string, n int) *team {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "workers.log"))
	if err != nil {
		t.Fatal(err)
	}
	m := &team{t: t, log: log}
	for range n {
		m.add(url)
	}
	t.Cleanup(func() {
		for _, c := range m.members {
			c.Process.Signal(syscall.SIGKILL)
			c.Wait()
		}
		log.Close()
	})
	return m
}

// add starts a worker. Its command follows the words of prefix.
func (m *team) add(url string, prefix ...string) {
	m.t.Helper()
	m.members = append(m.members, &member{url: url, prefix: prefix})
	m.start(len(m.members) - 1)
}

// start starts the process of worker i.
func (m *team) start(i int) {
	m.t.Helper()
	c := m.members[i]
	words := append(slices.Clone(c.prefix), os.Args[0])
	c.Cmd = exec.Command(words[0], words[1:]...)
	c.Env = append(os.Environ(), envWorker+"=-workers 1 -store "+c.url)
	c.Stdout, c.Stderr = m.log, m.log
	if err := c.Start(); err != nil {
		m.t.Fatal(err)
	}
}

// kill ends worker i at once, and starts another one.
func (m *team) kill(i int) {
	c := m.members[i]
	c.Process.Kill()
	c.Wait()
	m.start(i)
}

// freeze stops a worker, as a machine that sleeps does, until the function thaw is called.
func (m *team) freeze(i int) (thaw func()) {
	c := m.members[i].Cmd
	c.Process.Signal(syscall.SIGSTOP)
	return func() { c.Process.Signal(syscall.SIGCONT) }
}

// runsSegment is the SQL that reports whether the process with a number runs a segment, or was lost when it did.
const runsSegment = "SELECT count(*) > 0 FROM fusegrid.river_job WHERE kind = 'segment' AND state = 'running' AND attempted_by[array_upper(attempted_by, 1)] LIKE '%%-%d-%%'"

// killTraining kills worker i while it trains a segment.
func (m *team) killTraining(ctx context.Context, s *postgrestest.Server, i int) {
	m.t.Helper()
	for lost := false; !lost; { // the segment may end just before the worker
		running := fmt.Sprintf(runsSegment, m.members[i].Process.Pid)
		waitFor(m.t, ctx, s, running)
		m.kill(i)
		lost = s.SQL("postgres", running) == "t"
	}
}

// said returns what the workers have said.
func (m *team) said() string {
	text, _ := os.ReadFile(m.log.Name())
	return string(text)
}

// tortured is the study of TestStoreSurvives: 24 trials in blocks of 3.
const tortured = "-data synthetic -impl reference -quiet -top 3 -net two-layer -lr log:1e-5..1e-2:3,1e30 -reg 0,0.5 -hidden 3,4,5 -iters 900 -batch 10 -std 1e-2 -halving 2 -block 3 -keep 2"

// TestStoreSurvives trains a study with three workers. Two are killed, one is frozen for longer than any timeout, the
// server crashes, and the submitter leaves and comes back. The study must have the bits of a local run.
func TestStoreSurvives(t *testing.T) {
	searchtest.Long(t)
	server := postgrestest.Start(t)
	whole := synthetic
	synthetic = sync.OnceValue(few)
	t.Cleanup(func() { synthetic = whole })
	isolate(t)

	url := server.URL("postgres", "pool_max_conns=4")
	if out, errs, code := call(t, "store", "init", "-segment", "400ms", "-store", url); code != exitOK {
		t.Fatalf("%s%s", out, errs)
	}
	m := newTeam(t, url, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	submit := func(ctx context.Context) (string, int) {
		_, said, code := callContext(t, ctx, strings.Fields(tortured+" -out remote -study s -store "+url)...)
		return said, code
	}

	leaving, leave := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		said, code := submit(leaving)
		if code != exitInterrupted || !strings.Contains(said, "The workers go on") || strings.Contains(said, "p@ss") || strings.Contains(said, "p%40ss") {
			t.Errorf("leaving: exit code %d: %s", code, said)
		}
	})
	waitFor(t, ctx, server, "SELECT count(*) >= 3 FROM fusegrid.block WHERE segment > 0")
	m.killTraining(ctx, server, 0)
	thaw := m.freeze(1)
	frozen := time.Now()
	time.Sleep(time.Second)
	server.Crash()
	time.Sleep(time.Second)
	server.Restart()
	time.Sleep(time.Second)
	leave()
	wg.Wait()
	m.kill(2)
	thawing := time.AfterFunc(20*time.Second-time.Since(frozen), thaw)
	defer thawing.Stop()

	said, code := submit(ctx)
	if code != exitOK {
		t.Fatalf("exit code %d: %s\nworkers: %s\n%s", code, said, m.said(), server.SQL("postgres", "SELECT * FROM fusegrid.block; SELECT id, state, attempt, attempted_at, errors FROM fusegrid.river_job ORDER BY id DESC LIMIT 20"))
	}
	if _, errs, code := call(t, strings.Fields(tortured+" -out local")...); code != exitOK {
		t.Fatal(errs)
	}
	same := digestOf(t, "remote") == digestOf(t, "local")
	diff, _, code := call(t, "diff", "remote", "local")
	if code != exitOK || !same {
		t.Errorf("other bits than a local run: %s", diff)
	}
	for what, sql := range map[string]string{
		"24 trials":              "SELECT count(*) = 24 FROM fusegrid.trial",
		"no alarm":               "SELECT count(*) = 0 FROM fusegrid.alarm",
		"no block left":          "SELECT count(*) = 0 FROM fusegrid.block WHERE NOT ended",
		"no state left":          "SELECT count(*) = 0 FROM fusegrid.state",
		"a job that was lost":    "SELECT count(*) > 0 FROM fusegrid.river_job WHERE state = 'discarded'",
		"each segment kept once": "SELECT (SELECT sum(segment) FROM fusegrid.block) = (SELECT count(DISTINCT args) FROM fusegrid.river_job WHERE state = 'completed')",
	} {
		if server.SQL("postgres", sql) != "t" {
			t.Errorf("not true: %s", what)
		}
	}
	if strings.Contains(said, "train again") || strings.Contains(said, "ALARM") || strings.Contains(m.said(), "ALARM") || strings.Contains(m.said(), "p%40ss") {
		t.Errorf("said: %s\nworkers: %s", said, m.said())
	}
}

// digestOf returns the digest of the records of a folder.
func digestOf(t *testing.T, dir string) string {
	t.Helper()
	return results.NewTable(searchtest.Recorded(t, dir)).Digest()
}

// waitFor waits until a query returns true.
func waitFor(t *testing.T, ctx context.Context, s *postgrestest.Server, sql string) {
	t.Helper()
	for s.SQL("postgres", sql) != "t" {
		select {
		case <-ctx.Done():
			t.Fatalf("%v before %s", ctx.Err(), sql)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// TestStoreRights sets up a store as an owner without other rights, and gives a role what workers need. It checks the
// errors of a server that answers.
func TestStoreRights(t *testing.T) {
	server := postgrestest.Start(t)
	isolate(t)
	const secret = "s3cr3t"
	fails := func(what, url, want string, words ...string) {
		t.Helper()
		out, errs, code := call(t, append(words, "-store", url)...)
		if code != exitBadInput || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 || strings.Contains(errs+out, secret) {
			t.Errorf("%s: exit code %d, %q, want %q", what, code, errs+out, want)
		}
	}
	works := func(url string, words ...string) string {
		t.Helper()
		out, errs, code := call(t, append(words, "-store", url)...)
		if code != exitOK {
			t.Fatalf("%q: exit code %d, %s%s", words, code, out, errs)
		}
		return out
	}
	server.SQL("postgres", "CREATE ROLE alice LOGIN PASSWORD '"+secret+"'; CREATE ROLE bob LOGIN PASSWORD '"+secret+"'")
	server.SQL("postgres", "REVOKE CREATE ON DATABASE postgres FROM PUBLIC")
	alice, bob := server.URLOf("alice", secret, "postgres"), server.URLOf("bob", secret, "postgres")

	fails("password", server.URLOf("alice", secret+"x", "postgres"), "set PGPASSWORD", "workers")
	fails("database", server.URLOf("alice", secret, "nothing"), `the server has no database "nothing"`, "workers")
	fails("no tables", alice, "run sweep store init -store URL", "worker")
	fails("no schema", alice, `CREATE SCHEMA "fusegrid" AUTHORIZATION "alice"`, "store", "init")
	server.SQL("postgres", `CREATE SCHEMA "fusegrid" AUTHORIZATION "alice"`)
	works(alice, "store", "init")
	if out := works(alice, "store", "init"); !strings.Contains(out, "nothing was changed") {
		t.Errorf("the second time: %s", out)
	}
	fails("no rights", bob, "sweep store grant bob", "store", "status")
	server.SQL("postgres", works(alice, "store", "grant", "bob"))
	if out := works(bob, "store", "status"); !strings.Contains(out, "no study") {
		t.Errorf("status: %s", out)
	}
	t.Setenv("PGPASSWORD", secret)
	works(server.URLOf("bob", "", "postgres"), "workers")

	// A study that a worker with these rights trains, from its submission to its end.
	m := newTeam(t, bob, 1)
	const study = "-data synthetic -impl reference -quiet -lr 1e-4,1e-3 -reg 0 -hidden 3 -iters 5 -batch 10 -study rights -out o -store "
	whole := synthetic
	synthetic = sync.OnceValue(few)
	t.Cleanup(func() { synthetic = whole })
	if _, errs, code := call(t, strings.Fields(study+bob)...); code != exitOK {
		t.Fatalf("%s\n%s", errs, m.said())
	}
	if out := works(bob, "store", "status"); !strings.Contains(out, "rights: done, 2 of 2 trials") || !strings.Contains(out, "2 by class") {
		t.Errorf("status: %s", out)
	}
	fails("other flags", bob, "other flags or data", strings.Fields(strings.Replace(strings.TrimSuffix(study, " -store "), "1e-4,", "", 1)+" -out o2")...)
	fails("done", bob, "nothing to cancel", "store", "cancel", "rights")
	fails("unknown", bob, `no study "x"`, "store", "cancel", "x")
	fails("address", bob, "only this machine may reach them", "store", "ui", "-addr", "0.0.0.0:0")
	fails("port", bob, "-addr 127.0.0.1", "store", "ui", "-addr", "127.0.0.1")
	serving, end := context.WithTimeout(t.Context(), time.Second)
	defer end()
	if _, said, code := callContext(t, serving, "store", "ui", "-addr", "127.0.0.1:0", "-store", bob); !strings.Contains(said, "the pages of the jobs are at http://127.0.0.1:") {
		t.Errorf("ui: exit code %d: %s", code, said)
	}
	for _, sql := range []string{"DROP TABLE fusegrid.trial", "ALTER TABLE fusegrid.trial ADD x int", "DROP SCHEMA fusegrid CASCADE", "CREATE TABLE fusegrid.x (x int)", "TRUNCATE fusegrid.trial"} {
		if out, err := server.TrySQL(bob, sql); err == nil {
			t.Errorf("a worker may %s: %s", sql, out)
		}
	}

	for _, c := range []struct{ sql, back, want string }{
		{"UPDATE fusegrid.setting SET value = 99 WHERE name = 'schema'", "UPDATE fusegrid.setting SET value = 1 WHERE name = 'schema'", "use a newer program"},
		{"UPDATE fusegrid.setting SET value = 0 WHERE name = 'schema'", "UPDATE fusegrid.setting SET value = 1 WHERE name = 'schema'", "run sweep store init"},
		{"INSERT INTO fusegrid.river_migration (line, version) VALUES ('main', 99)", "DELETE FROM fusegrid.river_migration WHERE version = 99", "River have version 99"},
		{"DELETE FROM fusegrid.river_migration WHERE version > 5", "", "run sweep store init"},
	} {
		server.SQL("postgres", c.sql)
		fails(c.sql, bob, c.want, "worker")
		if c.back != "" {
			server.SQL("postgres", c.back)
		}
	}
}

// TestStoreCancel cancels a study that nobody trains, and submits it again.
func TestStoreCancel(t *testing.T) {
	server := postgrestest.Start(t)
	isolate(t)
	whole := synthetic
	synthetic = sync.OnceValue(few)
	t.Cleanup(func() { synthetic = whole })
	url := server.URL("postgres")
	if _, errs, code := call(t, "store", "init", "-segment", "100ms", "-store", url); code != exitOK {
		t.Fatal(errs)
	}
	const study = "-data synthetic -impl reference -quiet -lr 1e-4,1e-3 -reg 0 -hidden 3 -iters 5 -batch 10 -study c -out o -store "
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ended := make(chan string, 1)
	go func() {
		_, said, _ := callContext(t, ctx, strings.Fields(study+url)...)
		ended <- said
	}()
	waitFor(t, ctx, server, "SELECT count(*) > 0 FROM fusegrid.river_job")
	if _, errs, code := call(t, "store", "cancel", "c", "-store", url); code != exitOK {
		t.Fatal(errs)
	}
	if said := <-ended; !strings.Contains(said, "study c was cancelled") {
		t.Errorf("the submitter said %s", said)
	}
	if n := server.SQL("postgres", "SELECT count(*) FROM fusegrid.river_job WHERE state = 'available'"); n != "0" {
		t.Errorf("%s jobs are left", n)
	}
	m := newTeam(t, url, 1)
	if _, said, code := callContext(t, ctx, strings.Fields(study+url)...); code != exitOK {
		t.Errorf("again: exit code %d: %s\n%s", code, said, m.said())
	}
	if out, errs, code := call(t, "store", "prune", "-yes", "-store", url); code != exitOK {
		t.Errorf("%s%s", out, errs)
	}
}
