package results

import (
	"bytes"
	"io"

	"github.com/google/renameio/v2/maybe"
)

// WriteFile makes a file from what write writes, after all of it is there. Windows cannot swap it in.
func WriteFile(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return maybe.WriteFile(name, b.Bytes(), 0o644)
}
