package live

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"
)

// A stream writes events to one watcher.
type stream struct {
	w       io.Writer
	control *http.ResponseController
	b       bytes.Buffer
	err     error // the watcher is gone
}

// event writes an event, whose data is one line of JSON.
func (e *stream) event(name, id, data string) {
	if id != "" {
		fmt.Fprintf(&e.b, "id: %s\n", id)
	}
	fmt.Fprintf(&e.b, "event: %s\ndata: %s\n\n", name, data)
	if name == "reload" {
		e.flush()
	}
}

// text writes something else.
func (e *stream) text(s string) { e.b.WriteString(s) }

// flush sends what was written.
func (e *stream) flush() {
	if e.b.Len() == 0 || e.err != nil {
		return
	}
	_ = e.control.SetWriteDeadline(time.Now().Add(writeWithin)) // if it cannot be set, writes wait
	_, e.err = e.w.Write(e.b.Bytes())
	e.b.Reset()
	if e.err == nil {
		e.err = e.control.Flush()
	}
}

// silent returns a logger without an output, because a watcher that goes away is no error.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
