//go:build !((linux && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64 || s390x)) || (darwin && (amd64 || arm64)) || (windows && (386 || amd64 || arm64)) || (freebsd && (amd64 || arm64)))

package export

import (
	"errors"
	"io"
	"runtime"
)

// sqliteMissing says why there is no SQLite in this build.
const sqliteMissing = "-to sqlite is not available on " + runtime.GOOS + "/" + runtime.GOARCH

func writeSQLite(io.Writer, Source) error { return errors.New(sqliteMissing) }
