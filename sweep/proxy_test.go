//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A proxy is a bad network between a worker and its server. Its fields are for [proxy.set].
type proxy struct {
	target string
	listen net.Listener

	mu      sync.Mutex
	changed chan struct{} // closed at each change of the network
	network
}

// A network says what a proxy does with the bytes.
type network struct {
	delay time.Duration // of each byte, in both directions
	holds bool          // nothing passes: what is sent arrives when it passes again
	// loses is called for each COMMIT after the server has answered it. If it returns true, the connection is reset and
	// the answer is lost.
	loses func() bool
}

// startProxy starts a proxy that listens at an address, and ends with the test.
func startProxy(t *testing.T, address, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: target, listen: l, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(ctx, client.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		wg.Wait()
	})
	return p
}

// set changes the network.
func (p *proxy) set(n network) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.network = n
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *proxy) state() (n network, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.network, p.changed
}

// serve passes the bytes of one connection until either side closes it.
func (p *proxy) serve(ctx context.Context, client *net.TCPConn) {
	defer client.Close()
	conn, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	both := func() {
		client.Close()
		server.Close()
	}
	defer context.AfterFunc(ctx, both)()
	commits := make(chan struct{}, 1000)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer both()
		p.pass(ctx, server, client, func(chunk []byte) bool {
			if bytes.Contains(chunk, []byte("commit\x00")) {
				commits <- struct{}{}
			}
			return true
		})
	})
	wg.Go(func() {
		defer both()
		p.pass(ctx, client, server, func([]byte) bool {
			select {
			case <-commits:
			default:
				return true
			}
			if n, _ := p.state(); n.loses == nil || !n.loses() {
				return true
			}
			client.SetLinger(0) // a reset
			both()
			return false
		})
	})
	wg.Wait()
}

// pass copies bytes as the network has it, until look returns false, a side closes the connection, or ctx is done.
func (p *proxy) pass(ctx context.Context, to io.Writer, from io.Reader, look func([]byte) bool) {
	type chunk struct {
		data []byte
		at   time.Time
	}
	chunks := make(chan chunk, 4096)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(chunks)
	wg.Go(func() {
		for c := range chunks {
			if !p.wait(ctx, c.at) || !look(c.data) {
				return
			}
			if _, err := to.Write(c.data); err != nil {
				return
			}
		}
	})
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			select {
			case chunks <- chunk{buffer[:n], time.Now()}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait waits until bytes that were sent at a time arrive. It reports false if ctx is done before.
func (p *proxy) wait(ctx context.Context, sent time.Time) bool {
	for {
		n, changed := p.state()
		wait := time.Until(sent.Add(n.delay))
		if n.holds {
			wait = time.Hour
		}
		if wait <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}

// through returns the URL of a store that is reached through an address.
func through(url, from, to string) string { return strings.Replace(url, "@"+from+"/", "@"+to+"/", 1) }
