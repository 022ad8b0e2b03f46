package search

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"fusegrid/search/grid"
	"fusegrid/search/plan"
)

func TestEntry(t *testing.T) {
	for text, want := range map[string]float64{
		"MemTotal:       24689764 kB\nMemFree:        23000000 kB\nMemAvailable:   23500000 kB\n": 23500000,
		"MemTotal:       24689764 kB\n": 0,
		"MemAvailable:   much\n":        0,
		"":                              0,
	} {
		got, ok := entry(fstest.MapFS{"meminfo": {Data: []byte(text)}}, "meminfo", "MemAvailable:")
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %g, %v; want %g", text, got, ok, want)
		}
	}
}

func TestMemoryOfWhatTrainsSideBySide(t *testing.T) {
	isolate(t)
	s, _, _ := fullJob(t, "o", "-hidden 10,20,30 -workers 2")
	var blocks []plan.Block
	for i := range s.Grid.Len() { // several blocks of each size
		c := s.points().At(i)
		c.Batch = 0 // without activations
		blocks = append(blocks, plan.Block{Trials: []grid.Trial{{Config: c}}})
	}
	largest := 0.0
	for _, b := range blocks {
		largest = max(largest, float64(s.stateSize(b.Trials[0].Config)))
	}
	if err := s.within(2*largest, "", blocks); err != nil {
		t.Error(err)
	}
	if err := s.within(2*largest-1, "", blocks); err == nil {
		t.Errorf("two nets of %g bytes are said to fit into a byte less", largest)
	}
	if err := s.within(0, "", nil); err != nil {
		t.Error(err)
	}

	// Each array of an update rule, and its gradient, takes as much memory as the weights.
	plain := blocks[0].Trials[0].Config
	plain.Iters = 0
	for name, arrays := range map[string]float64{"": 1, "momentum": 2, "nesterov": 2, "rmsprop": 3, "adam": 4} {
		c := plain
		c.Rule = name
		one := []plan.Block{{Trials: []grid.Trial{{Config: c}}}}
		need := arrays * float64(s.stateSize(plain))
		if s.within(need, "", one) != nil || s.within(need-1, "", one) == nil {
			t.Errorf("rule %q needs other than %g arrays of the size of the weights", name, arrays)
		}
	}

	large := plain
	large.Batch, large.Hidden = 20_000, []int{8000} // activations of 640 MB, weights of 98 MB
	if err := s.within(500e6, "", []plan.Block{{Trials: []grid.Trial{{Config: large}}}}); err == nil {
		t.Error("a minibatch of 20,000 images for 8,000 units is said to fit into 500 MB")
	}

	huge := blocks[0].Trials[0].Config // more bytes than an int of 32 bits can hold
	huge.Hidden = []int{1 << 20}
	if err := s.within(4e9, "", []plan.Block{{Trials: []grid.Trial{{Config: huge}}}}); err == nil {
		t.Error("a net of 2^20 hidden units is said to fit into 4 GB")
	}
}

// TestFreeMemory reads the free memory from file systems like that of Linux, with control groups of both versions.
func TestFreeMemory(t *testing.T) {
	const (
		host = "MemTotal: 100 kB\nMemAvailable: 50 kB\n" // 51200 bytes
		v1   = "30 25 0:26 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n34 25 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:13 - cgroup cgroup rw,memory\n"
		v2   = "24 18 0:21 / / rw - ext4 /dev/sda rw\n29 23 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	)
	for _, tt := range []struct {
		name, mounts, own string
		files             map[string]string
		want              float64
		where             string
	}{
		{"no groups", "", "", nil, 51200, ""},
		{"v2, no limit", v2, "0::/a/b\n", map[string]string{"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "9\n"}, 51200, ""},
		{"v2", v2, "0::/a/b\n", map[string]string{"sys/fs/cgroup/a/b/memory.max": "20000\n", "sys/fs/cgroup/a/b/memory.current": "15000\n"}, 5000, "sys/fs/cgroup/a/b"},
		{"v2, cached files", v2, "0::/a/b\n", map[string]string{
			"sys/fs/cgroup/a/b/memory.max": "20000\n", "sys/fs/cgroup/a/b/memory.current": "15000\n", "sys/fs/cgroup/a/b/memory.stat": "anon 1\ninactive_file 4000\nactive_file 70\n"}, 9000, "sys/fs/cgroup/a/b"},
		{"v2, used up", v2, "0::/a\n", map[string]string{"sys/fs/cgroup/a/memory.max": "20000\n", "sys/fs/cgroup/a/memory.current": "20480\n"}, 0, "sys/fs/cgroup/a"},
		{"v2, more than there is", v2, "0::/a\n", map[string]string{"sys/fs/cgroup/a/memory.max": "9000000\n", "sys/fs/cgroup/a/memory.current": "1\n"}, 51200, ""},
		{"v2, a group around it", v2, "0::/job/step/task\n", map[string]string{
			"sys/fs/cgroup/job/memory.max": "30000\n", "sys/fs/cgroup/job/memory.current": "29000\n",
			"sys/fs/cgroup/job/step/memory.max": "20000\n", "sys/fs/cgroup/job/step/memory.current": "1000\n",
			"sys/fs/cgroup/job/step/task/memory.max": "max\n", "sys/fs/cgroup/job/step/task/memory.current": "500\n"}, 1000, "sys/fs/cgroup/job"},
		{"v2, a container's own root", v2, "0::/\n", map[string]string{"sys/fs/cgroup/memory.max": "20000\n", "sys/fs/cgroup/memory.current": "0\n"}, 20000, "sys/fs/cgroup"},
		{"v2, outside of what is mounted", v2, "0::/../../other\n", map[string]string{"sys/fs/cgroup/memory.max": "20000\n", "sys/fs/cgroup/memory.current": "0\n"}, 20000, "sys/fs/cgroup"},
		{"v1", v1, "4:memory:/a\n1:cpu:/b\n0::/c\n", map[string]string{
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "20000\n", "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "15000\n",
			"sys/fs/cgroup/memory/a/memory.stat":         "inactive_file 1\ntotal_inactive_file 5000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "7\n"}, 10000, "sys/fs/cgroup/memory/a"},
		{"v1, mounted from a container's group", strings.ReplaceAll(v1, "0:29 / ", "0:29 /docker/x "), "4:cpu,memory:/docker/x/y\n", map[string]string{
			"sys/fs/cgroup/memory/y/memory.limit_in_bytes": "20000\n", "sys/fs/cgroup/memory/y/memory.usage_in_bytes": "5000\n"}, 15000, "sys/fs/cgroup/memory/y"},
		{"both versions", v1 + "35 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "4:memory:/a\n0::/b\n", map[string]string{
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "20000\n", "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "1\n",
			"sys/fs/cgroup/unified/b/cgroup.procs": "1\n"}, 19999, "sys/fs/cgroup/memory/a"},
		{"nonsense", "x\n1 2 3 - cgroup2\n" + v2, "0:\nx\n0::/a\n", map[string]string{"sys/fs/cgroup/a/memory.max": "-1\n", "sys/fs/cgroup/a/memory.current": "many\n"}, 51200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := fstest.MapFS{
				"proc/meminfo":        {Data: []byte(host)},
				"proc/self/mountinfo": {Data: []byte(tt.mounts)},
				"proc/self/cgroup":    {Data: []byte(tt.own)},
			}
			for name, text := range tt.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, where := freeMemory(root)
			if got != tt.want || (where != "") != (tt.where != "") || !strings.HasSuffix(where, tt.where) {
				t.Errorf("%s: %g bytes%s; want %g, %s", tt.name, got, where, tt.want, tt.where)
			}
		})
	}
	if got, where := freeMemory(fstest.MapFS{}); !math.IsInf(got, 1) || where != "" {
		t.Errorf("another system: %g bytes%s, want no bound", got, where)
	}
}
