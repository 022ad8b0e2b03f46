package dataset

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unpack creates the folder dir from the tar.gz file at path. It never uses names in the archive as
// paths. It writes an entry only if its name is equal to the name of a listed file, and uses the
// listed name. The files go to a temporary folder next to dir, which is renamed to dir when it is
// complete.
func (a Archive) unpack(ctx context.Context, path, dir string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	gz, err := gzip.NewReader(bufio.NewReaderSize(contextReader{ctx, f}, 1<<20))
	if err != nil {
		return fmt.Errorf("not a gzip file: %w", err)
	}

	tmp, err := os.MkdirTemp(filepath.Dir(dir), a.Dir+".tmp-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := a.unpackFiles(gz, tmp); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// unpackFiles writes the listed files of the tar stream r into the folder tmp.
func (a Archive) unpackFiles(r io.Reader, tmp string) error {
	// Skipped entries must be read too, and a small archive can unpack to terabytes.
	const slack = 16 << 20
	limit := int64(slack)
	for _, size := range a.Files {
		limit += size
	}
	lr := &io.LimitedReader{R: r, N: limit}
	tr := tar.NewReader(lr)
	missing := maps.Clone(a.Files)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return tooLarge(lr, limit, err)
		}
		name, ok := strings.CutPrefix(h.Name, a.Dir+"/")
		size, listed := a.Files[name]
		if !ok || !listed {
			continue
		}
		switch _, wanted := missing[name]; {
		case h.Typeflag != tar.TypeReg:
			return fmt.Errorf("entry %q is not a regular file", h.Name)
		case h.Size != size:
			return fmt.Errorf("entry %q has %d bytes, want %d", h.Name, h.Size, size)
		case !wanted:
			return fmt.Errorf("entry %q occurs twice", h.Name)
		}
		if err := writeFile(filepath.Join(tmp, name), tr); err != nil {
			return tooLarge(lr, limit, fmt.Errorf("entry %q: %w", h.Name, err))
		}
		delete(missing, name)
	}
	if len(missing) > 0 {
		names := slices.Sorted(maps.Keys(missing))
		return fmt.Errorf("the archive lacks %s/%s", a.Dir, strings.Join(names, ", "))
	}
	return nil
}

// tooLarge replaces err if the reader has reached the limit.
func tooLarge(lr *io.LimitedReader, limit int64, err error) error {
	if lr.N <= 0 {
		return fmt.Errorf("the archive unpacks to more than %d bytes", limit)
	}
	return err
}

// writeFile writes r to a new file and syncs the file to disk.
func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
