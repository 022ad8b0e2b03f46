package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// recordLen is the length of a record of the binary version: a label byte and an image in CHW
// order.
const recordLen = 1 + Dim

// readBinary fills dst from a batch file of the binary version. The file must hold exactly
// dst.Len() records.
func readBinary(r io.Reader, size int64, dst Images) error {
	n := dst.Len()
	if want := int64(n) * recordLen; size != want {
		what := "truncated"
		if size > want {
			what = "too long"
		}
		return fmt.Errorf("%s: %d bytes, want %d (%d records of %d bytes); the damage starts at record %d",
			what, size, want, n, recordLen, min(size/recordLen, int64(n)))
	}
	br := bufio.NewReaderSize(r, 64*recordLen)
	for i := range n {
		label, err := br.ReadByte()
		if err == nil {
			_, err = io.ReadFull(br, dst.Pixels[i*Dim:(i+1)*Dim])
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("record %d, byte %d: the file ends here, want %d records", i, i*recordLen, n)
		}
		if err != nil {
			return fmt.Errorf("record %d, byte %d: %w", i, i*recordLen, cause(err))
		}
		if label >= numClasses {
			return fmt.Errorf("record %d, byte %d: label %d, want 0 to %d", i, i*recordLen, label, numClasses-1)
		}
		dst.Labels[i] = label
	}
	return nil
}

// textClasses parses a file with one class name per line.
func textClasses(b []byte) ([]string, error) {
	return strings.Fields(string(b)), nil
}
