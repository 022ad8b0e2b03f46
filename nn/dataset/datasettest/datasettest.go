// Package datasettest writes CIFAR-10 files for tests: valid folders, which a test may damage, and
// batches of any content.
package datasettest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Sizes of an image and of a record of the binary version.
const (
	dim       = 3072
	recordLen = 1 + dim
)

// WriteBinary writes the six batch files of the binary version into the folder dir, and creates the
// folder if needed. Each file has n black images with label 0.
func WriteBinary(tb testing.TB, dir string, n int) {
	tb.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		tb.Fatal(err)
	}
	names := []string{"test_batch.bin"}
	for i := 1; i <= 5; i++ {
		names = append(names, fmt.Sprintf("data_batch_%d.bin", i))
	}
	for _, name := range names {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		if err := f.Truncate(int64(n) * recordLen); err != nil {
			tb.Fatal(err)
		}
		if err := f.Close(); err != nil {
			tb.Fatal(err)
		}
	}
}

// BinaryBatch returns a batch file of the binary version. Labels may be invalid. The argument
// pixels must have 3,072 bytes for each label.
func BinaryBatch(labels, pixels []byte) []byte {
	var b []byte
	for i, label := range labels {
		b = append(b, label)
		b = append(b, pixels[i*dim:(i+1)*dim]...)
	}
	return b
}

// PythonBatch returns a batch file of the python version, in the form that Python 2 writes. Labels
// may be invalid. The argument pixels must have 3,072 bytes for each label.
func PythonBatch(labels, pixels []byte) []byte {
	n := len(labels)
	b := []byte("\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05(")
	for _, label := range labels {
		b = append(b, 'K', label)
	}
	b = append(b, "eU\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08"+
		"K\x00\x85U\x01b\x87Rq\x09(K\x01M"...)
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	b = append(b, "M\x00\x0c\x86cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b"+
		"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(pixels)))
	b = append(b, pixels...)
	b = append(b, "tbU\x09filenamesq\x0c]q\x0d("...)
	for i := range labels {
		name := fmt.Sprintf("image_%d.png", i)
		b = append(b, 'U', byte(len(name)))
		b = append(b, name...)
		b = append(b, 'r')
		b = binary.LittleEndian.AppendUint32(b, uint32(14+i))
	}
	return append(b, "eu."...)
}
