//go:build openblas

package fusegrid_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"fusegrid/kernels/openblas"
)

// TestWeakOpenBLAS checks, in child processes, the effect of FUSEGRID_REQUIRE on a core with narrow
// vectors. The core is an error if OpenBLAS chose it, and a line in the log if the user did.
func TestWeakOpenBLAS(t *testing.T) {
	if openblas.Remedy("Prescott", cpuid.CPU.Supports) == "" {
		t.Skip("on a CPU without AVX, OpenBLAS has no better core")
	}
	for _, tt := range []struct {
		name string
		env  []string
		ok   bool
		want string
	}{
		{"set by the user", []string{"OPENBLAS_CORETYPE=Prescott"}, true, "(OPENBLAS_CORETYPE=Prescott; this CPU can run"},
		{"left to OpenBLAS", nil, true, "openblas"},
		// If a restart did not help, the core counts as the choice of OpenBLAS.
		{"chosen by OpenBLAS", []string{"OPENBLAS_CORETYPE=Prescott", "FUSEGRID_OPENBLAS_RESTARTED=1"}, false, "(weak: this CPU can run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestRequiredSets$", "-test.v")
			for _, kv := range os.Environ() {
				if name, _, _ := strings.Cut(kv, "="); name != "OPENBLAS_CORETYPE" && name != "FUSEGRID_OPENBLAS_RESTARTED" {
					cmd.Env = append(cmd.Env, kv)
				}
			}
			cmd.Env = append(append(cmd.Env, "FUSEGRID_REQUIRE=openblas"), tt.env...)
			out, err := cmd.CombinedOutput()
			if (err == nil) != tt.ok || !strings.Contains(string(out), tt.want) {
				t.Errorf("%v; want success %v and %q in:\n%s", err, tt.ok, tt.want, out)
			}
		})
	}
}
