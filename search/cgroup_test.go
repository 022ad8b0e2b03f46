package search

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// TestCoreLimit reads the limit of cores from file systems like that of Linux, with control groups of both versions.
func TestCoreLimit(t *testing.T) {
	const (
		v1 = "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n34 25 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:13 - cgroup cgroup rw,memory\n"
		v2 = "24 18 0:21 / / rw - ext4 /dev/sda rw\n29 23 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	)
	for _, tt := range []struct {
		name, mounts, own string
		files             map[string]string
		want              int // 0 means no limit
	}{
		{"no groups", "", "", nil, 0},
		{"v2, no limit", v2, "0::/a/b\n", map[string]string{"a/b/cpu.max": "max 100000\n"}, 0},
		{"v2, no file", v2, "0::/a/b\n", nil, 0},
		{"v2", v2, "0::/a/b\n", map[string]string{"a/b/cpu.max": "300000 100000\n"}, 3},
		{"v2, half a core", v2, "0::/a\n", map[string]string{"a/cpu.max": "50000 100000\n"}, 1},
		{"v2, two cores and a bit", v2, "0::/a\n", map[string]string{"a/cpu.max": "200001 100000\n"}, 3},
		{"v2, another period", v2, "0::/a\n", map[string]string{"a/cpu.max": "40000 10000\n"}, 4},
		{"v2, a group around it", v2, "0::/job/step\n", map[string]string{"job/cpu.max": "200000 100000\n", "job/step/cpu.max": "900000 100000\n"}, 2},
		{"v2, a container's own root", v2, "0::/\n", map[string]string{"cpu.max": "100000 100000\n"}, 1},
		{"v2, very many", v2, "0::/a\n", map[string]string{"a/cpu.max": "18446744073709551615 1\n"}, MaxWorkers},
		{"v2, nonsense", v2, "0::/a\n", map[string]string{"a/cpu.max": "many\n"}, 0},
		{"v2, no period", v2, "0::/a\n", map[string]string{"a/cpu.max": "100000 0\n"}, 0},
		{"v1, no limit", v1, "4:cpu,cpuacct:/a\n", map[string]string{"cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n"}, 0},
		{"v1", v1, "4:cpu,cpuacct:/a\n3:memory:/b\n", map[string]string{"cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n", "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n"}, 2},
		{"v1, mounted from a container's group", strings.ReplaceAll(v1, "0:26 / ", "0:26 /docker/x "), "4:cpu,cpuacct:/docker/x\n", map[string]string{
			"cpu,cpuacct/cpu.cfs_quota_us": "400000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 4},
		{"v1, the group of the memory", v1, "4:cpu,cpuacct:/\n3:memory:/b\n", map[string]string{"cpu,cpuacct/b/cpu.cfs_quota_us": "150000\n", "cpu,cpuacct/b/cpu.cfs_period_us": "100000\n"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := fstest.MapFS{"proc/self/mountinfo": {Data: []byte(tt.mounts)}, "proc/self/cgroup": {Data: []byte(tt.own)}}
			for name, text := range tt.files {
				root["sys/fs/cgroup/"+name] = &fstest.MapFile{Data: []byte(text)}
			}
			want := tt.want
			if want == 0 {
				want = math.MaxInt
			}
			if got := coreLimit(root); got != want {
				t.Errorf("%s: %d cores, want %d", tt.name, got, want)
			}
		})
	}
}

// envGroups makes the test binary print its cores and its free memory.
const envGroups = "FUSEGRID_TEST_GROUPS"

// TestInAControlGroup runs a process in control groups of this machine, with limits for its cores and its memory.
func TestInAControlGroup(t *testing.T) {
	if os.Getenv(envGroups) != "" {
		free, where := freeMemory(os.DirFS("/"))
		c := Study{}
		c.fill()
		fmt.Printf("%d %d %g%s\n", Cores(), c.Workers, free, where)
		return
	}
	const limit = 256 << 20
	cpu := newGroup(t, "cpu", map[string]string{"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"}, map[string]string{"cpu.max": "100000 100000"})
	memory := newGroup(t, "memory", map[string]string{"memory.limit_in_bytes": strconv.Itoa(limit)}, map[string]string{"memory.max": strconv.Itoa(limit)})
	for _, tt := range []struct {
		setting string
		want    int
	}{{"", 1}, {"GOMAXPROCS=3", 3}} {
		c := exec.Command("sh", "-c", `echo $$ > "$0" && echo $$ > "$1" && exec "$2" -test.run '^TestInAControlGroup$'`,
			filepath.Join(cpu, "cgroup.procs"), filepath.Join(memory, "cgroup.procs"), os.Args[0])
		c.Env = append(os.Environ(), envGroups+"=1", tt.setting)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var cores, workers int
		var free float64
		if _, err := fmt.Sscan(string(out), &cores, &workers, &free); err != nil || cores != tt.want || workers != tt.want || free > limit || free < limit/2 ||
			!strings.Contains(string(out), " under the limit of control group "+memory) {
			t.Errorf("%q: %v: %s", tt.setting, err, out)
		}
	}
}

// newGroup makes a control group that limits a resource, and returns its folder. The files are those of version 1 or 2.
func newGroup(t *testing.T, resource string, v1, v2 map[string]string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has control groups")
	}
	for parent, files := range map[string]map[string]string{filepath.Join("/sys/fs/cgroup", resource): v1, "/sys/fs/cgroup": v2} {
		if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
			continue
		}
		dir, err := os.MkdirTemp(parent, "fusegrid-test-")
		if err != nil {
			t.Skipf("no control group can be made: %v", err)
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); errors.Is(err, os.ErrNotExist) {
				t.Skipf("control groups do not limit %s here", resource)
			} else if err != nil {
				t.Skipf("a control group cannot be limited: %v", err)
			}
		}
		return dir
	}
	t.Skip("there are no control groups here")
	return ""
}
