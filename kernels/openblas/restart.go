//go:build openblas && cgo

package openblas

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// envRestarted marks a process that Ensure has restarted.
const envRestarted = "FUSEGRID_OPENBLAS_RESTARTED"

// asked returns the OPENBLAS_CORETYPE that the user has set. In a process that [Ensure] has
// restarted, the value comes from Ensure, and asked returns "".
func asked() string {
	if os.Getenv(envRestarted) != "" {
		return ""
	}
	return os.Getenv(EnvCore)
}

// Ensure restarts the process once if OpenBLAS chose kernels that are too weak for the CPU. The new
// process has the OPENBLAS_CORETYPE that [Remedy] returns. Ensure keeps a value that the user has
// set, even if the CPU can run wider vectors. In both cases, Ensure writes one line to w. Programs
// should call Ensure first in main, because it does not return if it restarts the process.
func Ensure(w io.Writer) { ensure(Read(), w) }

func ensure(info Info, stderr io.Writer) {
	if info.Remedy == "" {
		return
	}
	if os.Getenv(envRestarted) != "" {
		fmt.Fprintf(stderr, "OpenBLAS %s still runs its %s kernels after a restart with %s=%s, which are too weak for this CPU; install a newer OpenBLAS\n",
			info.Version, info.Core, EnvCore, os.Getenv(EnvCore))
		return
	}
	if info.Asked != "" {
		fmt.Fprintf(stderr, "OpenBLAS %s runs its %s kernels because %s=%s is set; this CPU can run %s\n",
			info.Version, info.Core, EnvCore, info.Asked, info.Remedy)
		return
	}
	set := EnvCore + "=" + info.Remedy
	fmt.Fprintf(stderr, "OpenBLAS %s chose its %s kernels, which are too weak for this CPU; restarting with %s\n", info.Version, info.Core, set)
	exe, err := os.Executable()
	if err == nil {
		err = syscall.Exec(exe, os.Args, append(os.Environ(), set, envRestarted+"=1"))
	}
	fmt.Fprintf(stderr, "cannot restart this process: %v; set %s in the environment\n", err, set)
}
