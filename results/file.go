package results

import (
	"bytes"
	"io"

	"github.com/google/renameio/v2/maybe"
)

// WriteFile makes a file from what write writes. The file is swapped in whole:
// at no time is there half of one, and after an error the old one is still there.
func WriteFile(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return maybe.WriteFile(name, b.Bytes(), 0o644)
}
