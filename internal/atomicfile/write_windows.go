package atomicfile

import (
	"bytes"
	"io"

	"github.com/google/renameio/v2/maybe"
)

// Write creates or replaces a file. The function write must write the contents to its argument. The
// file stays unchanged until write has returned. The replacement is not atomic, because Windows
// does not support that.
func Write(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return maybe.WriteFile(name, b.Bytes(), 0o644)
}
