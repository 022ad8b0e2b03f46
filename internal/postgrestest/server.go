// Package postgrestest starts a PostgreSQL server for tests.
package postgrestest

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fusegrid/internal/required"
)

// Password is the password of the superuser postgres of a Server. It has characters that a URL must escape.
const Password = "p@ss/w:rd%1"

// A Server is a PostgreSQL server on loopback with its data.
type Server struct {
	Port int

	tb       testing.TB
	bin, dir string
	asUser   []string // the command that changes to an unprivileged user, or nil
}

// programs returns the folder of the server's programs, or an error that says what to install.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if name, err := exec.LookPath("initdb"); err == nil && len(found) == 0 {
		found = append(found, name)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("there is no program postgres; make deps installs PostgreSQL")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// Start starts a server, which ends with the test. Without the programs, it skips the test, or fails it if
// FUSEGRID_REQUIRE has the word postgres.
func Start(tb testing.TB) *Server {
	tb.Helper()
	return StartIn(tb, "", "")
}

// StartIn is Start for a server whose data are below a folder, with more lines of its configuration.
func StartIn(tb testing.TB, folder, more string) *Server {
	tb.Helper()
	bin, err := programs()
	if err != nil {
		required.Skip(tb, "postgres", err.Error())
	}
	dir, err := os.MkdirTemp(folder, "fusegrid-postgres-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{tb: tb, bin: bin, dir: dir}
	if os.Getuid() == 0 { // initdb refuses root
		s.asUser = []string{"runuser", "-u", "postgres", "--"}
		s.command("chown", "postgres", dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(Password+"\n"), 0o644); err != nil {
		tb.Fatal(err)
	}
	s.user("initdb", "-D", s.data(), "-U", "postgres", "-A", "scram-sha-256", "--pwfile="+secret, "-E", "UTF8", "--no-locale", "--no-sync")
	s.Port = freePort(tb)
	// The system does not crash in tests, so what the server has written survives without fsync.
	settings := fmt.Sprintf("listen_addresses='127.0.0.1'\nport=%d\nunix_socket_directories=''\nfsync=off\nmax_connections=60\nshared_buffers=16MB\n", s.Port)
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(settings + more)
		f.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	s.Restart()
	tb.Cleanup(func() { s.try("pg_ctl", "-D", s.data(), "-m", "immediate", "stop") })
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// freePort returns a port of loopback that nobody uses.
func freePort(tb testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Restart starts the server after Crash or Stop.
func (s *Server) Restart() {
	s.tb.Helper()
	s.user("pg_ctl", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-w", "start")
}

// Crash ends the server without a checkpoint, as a crash does.
func (s *Server) Crash() {
	s.tb.Helper()
	s.user("pg_ctl", "-D", s.data(), "-m", "immediate", "stop")
}

// Runs reports whether the server runs.
func (s *Server) Runs() bool {
	_, err := s.try("pg_ctl", "-D", s.data(), "status")
	return err == nil
}

// PID returns the number of the process that starts all others of the server.
func (s *Server) PID() (pid int) {
	s.tb.Helper()
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err == nil {
		_, err = fmt.Sscan(string(text), &pid)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	return pid
}

// URL returns the URL of a database for the superuser. The options follow, such as search_path=x.
func (s *Server) URL(database string, options ...string) string {
	return s.URLOf("postgres", Password, database, options...)
}

// URLOf returns the URL of a database for a user.
func (s *Server) URLOf(user, password, database string, options ...string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password), Host: fmt.Sprintf("127.0.0.1:%d", s.Port), Path: "/" + database,
		RawQuery: strings.Join(append([]string{"sslmode=disable"}, options...), "&"),
	}
	return u.String()
}

// SQL runs statements as the superuser, and returns their output.
func (s *Server) SQL(database, text string) string {
	s.tb.Helper()
	out, err := s.TrySQL(s.URL(database), text)
	if err != nil {
		s.tb.Fatalf("psql: %v: %s", err, out)
	}
	return out
}

// TrySQL runs statements, and returns their output.
func (s *Server) TrySQL(url, text string) (string, error) {
	c := exec.Command(filepath.Join(s.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", text)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// user runs a program of the server as an unprivileged user.
func (s *Server) user(program string, args ...string) {
	s.tb.Helper()
	if out, err := s.try(program, args...); err != nil {
		s.tb.Fatalf("%s: %v: %s", program, err, out)
	}
}

func (s *Server) try(program string, args ...string) ([]byte, error) {
	words := append(slices.Clone(s.asUser), append([]string{filepath.Join(s.bin, program)}, args...)...)
	c := exec.Command(words[0], words[1:]...)
	c.Dir = s.dir
	var out bytes.Buffer // a pipe would stay open in the server
	file, err := os.CreateTemp(s.dir, "out-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	c.Stdout, c.Stderr, c.WaitDelay = file, file, time.Minute
	err = c.Run()
	if text, readErr := os.ReadFile(file.Name()); readErr == nil {
		out.Write(text)
	}
	return out.Bytes(), err
}

func (s *Server) command(words ...string) {
	s.tb.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		s.tb.Fatalf("%s: %v: %s", words[0], err, out)
	}
}
