package search

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Cores returns the number of cores that this process may use. It is GOMAXPROCS, or the limit of a control group if
// that is less: by default, GOMAXPROCS is at least 2 whatever the limit. It is GOMAXPROCS if the user has set that
// variable.
func Cores() int {
	n := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		n = min(n, coreLimit(os.DirFS("/")))
	}
	return n
}

// coreLimit returns the number of cores that control groups allow, rounded up, or math.MaxInt if they have no limit. root
// is the root of the file system.
func coreLimit(root fs.FS) int {
	least := math.MaxInt
	for _, g := range groupsOf(root, "cpu") {
		if cores, ok := g.cores(); ok {
			least = min(least, max(1, int(math.Ceil(min(cores, MaxWorkers)))))
		}
	}
	return least
}

// A controlGroup is a control group of Linux.
type controlGroup struct {
	root fs.FS
	dir  string
	v2   bool
}

// text returns the content of a file of the group, or "" if the file does not exist.
func (g controlGroup) text(name string) string {
	text, _ := fs.ReadFile(g.root, path.Join(g.dir, name))
	return strings.TrimSpace(string(text))
}

// count returns a number from a file of a group. It reports false if the text is something else, such as max.
func count(text string) (float64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return float64(n), err == nil
}

// cores returns the number of cores whose time the group may use, if it has a limit.
func (g controlGroup) cores() (cores float64, ok bool) {
	quota, period := g.text("cpu.cfs_quota_us"), g.text("cpu.cfs_period_us") // a quota of -1 is no limit
	if g.v2 {
		quota, period, _ = strings.Cut(g.text("cpu.max"), " ") // as in "max 100000"
	}
	q, limited := count(quota)
	p, ok := count(period)
	return q / p, limited && ok && p > 0
}

// memoryLeft returns the bytes below the memory limit of the group, if it has one. Inactive cached files do not count as used,
// because the system drops them when it needs their memory.
func (g controlGroup) memoryLeft() (bytes float64, ok bool) {
	limitName, usedName, cacheName := "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	if g.v2 {
		limitName, usedName, cacheName = "memory.max", "memory.current", "inactive_file"
	}
	limit, limited := count(g.text(limitName))
	used, ok := count(g.text(usedName))
	if !limited || !ok {
		return 0, false
	}
	cache, _ := entry(g.root, path.Join(g.dir, "memory.stat"), cacheName)
	return max(limit-max(used-cache, 0), 0), true
}

// groupsOf returns the control groups of the process that limit a resource, memory or cpu, of both versions. It also
// returns their parents, whose limits hold for them, too.
func groupsOf(root fs.FS, resource string) (groups []controlGroup) {
	mounts, noMounts := fs.ReadFile(root, "proc/self/mountinfo")
	own, noGroups := fs.ReadFile(root, "proc/self/cgroup")
	if noMounts != nil || noGroups != nil {
		return nil
	}
	for line := range strings.Lines(string(mounts)) {
		// 36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup cgroup rw,memory
		place, kind, ok := strings.Cut(line, " - ")
		where, what := strings.Fields(place), strings.Fields(kind)
		if !ok || len(where) < 5 || len(what) < 3 {
			continue
		}
		v2 := what[0] == "cgroup2"
		if !v2 && (what[0] != "cgroup" || !slices.Contains(strings.Split(what[2], ","), resource)) {
			continue
		}
		base, point := unescape(where[3]), strings.TrimPrefix(unescape(where[4]), "/")
		for line := range strings.Lines(string(own)) {
			// 4:memory:/path of version 1, 0::/path of version 2
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(parts) != 3 || v2 != (parts[0] == "0" && parts[1] == "") ||
				!v2 && !slices.Contains(strings.Split(parts[1], ","), resource) {
				continue
			}
			// The mount of a container may show only its own group, as the root.
			rel := ""
			if rest, below := strings.CutPrefix(parts[2], strings.TrimSuffix(base, "/")); below && !strings.Contains(rest, "..") {
				rel = strings.Trim(rest, "/")
			}
			for dir := path.Clean(rel); ; dir = path.Dir(dir) {
				groups = append(groups, controlGroup{root, path.Join(point, dir), v2})
				if dir == "." {
					break
				}
			}
		}
	}
	return groups
}

// unescape replaces the escapes of spaces and backslashes in mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
