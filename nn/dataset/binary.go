package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"fusegrid/nn/labelled"
)

// recordLen is the length of a record of the binary version: a label byte and an image in CHW
// order.
const recordLen = 1 + Dim

// maxBinary is the maximum size of a batch file of the binary version: 100,000 images, ten times as
// many as in a published batch.
const maxBinary = 10 * perBatch * recordLen

// readBinary returns the images of a batch file of the binary version, in memory that room
// returns.
func readBinary(r io.Reader, size int64, room func(n int) labelled.Samples) (labelled.Samples, error) {
	if size > maxBinary {
		return labelled.Samples{}, fmt.Errorf("%d bytes, want at most %d", size, maxBinary)
	}
	n := int(size / recordLen)
	if rest := size % recordLen; rest != 0 || n == 0 {
		return labelled.Samples{}, fmt.Errorf("truncated: %d bytes are %d records of %d bytes and %d bytes of another record", size, n, recordLen, rest)
	}
	dst := room(n)
	br := bufio.NewReaderSize(r, 64*recordLen)
	for i := range n {
		label, err := br.ReadByte()
		if err == nil {
			_, err = io.ReadFull(br, dst.X[i*Dim:(i+1)*Dim])
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return labelled.Samples{}, fmt.Errorf("record %d, byte %d: the file ends here, want %d records", i, i*recordLen, n)
		}
		if err != nil {
			return labelled.Samples{}, fmt.Errorf("record %d, byte %d: %w", i, i*recordLen, cause(err))
		}
		if label >= numClasses {
			return labelled.Samples{}, fmt.Errorf("record %d, byte %d: label %d, want 0 to %d", i, i*recordLen, label, numClasses-1)
		}
		dst.Y[i] = uint16(label)
	}
	return dst, nil
}
