//go:build openblas && cgo

package openblas

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// envRestarted marks a process that Ensure has started anew.
const envRestarted = "FUSEGRID_OPENBLAS_RESTARTED"

// asked returns the OPENBLAS_CORETYPE that the user has set. The value of a process that
// [Ensure] has started anew is Ensure's.
func asked() string {
	if os.Getenv(envRestarted) != "" {
		return ""
	}
	return os.Getenv(EnvCore)
}

// Ensure starts the process anew, once, with the OPENBLAS_CORETYPE that [Remedy]
// names, if OpenBLAS chose weaker kernels by itself. A value that the user has set is
// kept, also if the CPU can run wider vectors. Either is said in one line on stderr. Call
// it first in main: it does not return if it restarts.
func Ensure(stderr io.Writer) { ensure(Read(), stderr) }

func ensure(info Info, stderr io.Writer) {
	if info.Remedy == "" {
		return
	}
	if os.Getenv(envRestarted) != "" {
		fmt.Fprintf(stderr, "OpenBLAS %s still runs its %s kernels after the restart with %s=%s: its figures are too low for this CPU; install a newer OpenBLAS\n",
			info.Version, info.Core, EnvCore, os.Getenv(EnvCore))
		return
	}
	if info.Asked != "" {
		fmt.Fprintf(stderr, "OpenBLAS %s runs its %s kernels, since %s=%s is set; this CPU can run %s\n",
			info.Version, info.Core, EnvCore, info.Asked, info.Remedy)
		return
	}
	set := EnvCore + "=" + info.Remedy
	fmt.Fprintf(stderr, "OpenBLAS %s chose its %s kernels, too weak for this CPU: restarting with %s\n", info.Version, info.Core, set)
	exe, err := os.Executable()
	if err == nil {
		err = syscall.Exec(exe, os.Args, append(os.Environ(), set, envRestarted+"=1"))
	}
	fmt.Fprintf(stderr, "cannot restart: %v; set %s in the environment\n", err, set)
}
