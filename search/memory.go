package search

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"fusegrid/search/folder"
	"fusegrid/search/plan"
)

// enoughMemory returns an error if the blocks that train at the same time need more memory than is
// free. If the free memory is not known, there is no error.
func (s *job) enoughMemory(blocks []plan.Block) error {
	free, where := freeMemory(os.DirFS("/"))
	return s.within(free, where, blocks)
}

// within returns an error if the blocks that train at the same time need more than the given number
// of bytes. The argument where names the control group for the message.
func (s *job) within(free float64, where string, blocks []plan.Block) error {
	need := s.planner().Memory(blocks)
	if need <= free {
		return nil
	}
	return folder.InputError{Err: fmt.Errorf("the nets that train side by side need at least %.4g GB of memory, of which %.4g GB are left%s; try fewer workers, blocks of one net or smaller nets", need/1e9, free/1e9, where)}
}

// freeMemory returns the bytes that this process can still allocate: the available memory of Linux, or the rest under
// the limit of a control group if that is less. It returns +Inf if the system does not tell. where names the group,
// for messages. root is the root of the file system.
func freeMemory(root fs.FS) (free float64, where string) {
	free = math.Inf(1)
	if kilobytes, ok := entry(root, "proc/meminfo", "MemAvailable:"); ok {
		free = kilobytes * 1024
	}
	for _, g := range memoryGroups(root) {
		if left, ok := g.left(); ok && left < free {
			free, where = left, " under the limit of control group /"+g.dir
		}
	}
	return free, where
}

// entry returns the number after a name in a file such as meminfo, whose lines are names and numbers.
func entry(root fs.FS, file, name string) (n float64, ok bool) {
	text, _ := fs.ReadFile(root, file)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			n, err := strconv.ParseFloat(words[1], 64)
			return n, err == nil
		}
	}
	return 0, false
}

// A memoryGroup is a control group that accounts for memory.
type memoryGroup struct {
	root fs.FS
	dir  string
	v2   bool
}

// left returns the bytes below the limit of the group, if it has one. Inactive cached files do not count as used,
// because the system drops them when it needs their memory.
func (g memoryGroup) left() (bytes float64, ok bool) {
	limitName, usedName, cacheName := "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	if g.v2 {
		limitName, usedName, cacheName = "memory.max", "memory.current", "inactive_file"
	}
	number := func(name string) (float64, bool) {
		text, err := fs.ReadFile(g.root, path.Join(g.dir, name))
		n, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is no limit
		return float64(n), err == nil && bad == nil
	}
	limit, limited := number(limitName)
	used, ok := number(usedName)
	if !limited || !ok {
		return 0, false
	}
	cache, _ := entry(g.root, path.Join(g.dir, "memory.stat"), cacheName)
	return max(limit-max(used-cache, 0), 0), true
}

// memoryGroups returns the control groups of the process, of both versions, and their parents, whose limits hold
// for them, too.
func memoryGroups(root fs.FS) (groups []memoryGroup) {
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
		if !v2 && (what[0] != "cgroup" || !slices.Contains(strings.Split(what[2], ","), "memory")) {
			continue
		}
		base, point := unescape(where[3]), strings.TrimPrefix(unescape(where[4]), "/")
		for line := range strings.Lines(string(own)) {
			// 4:memory:/path of version 1, 0::/path of version 2
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(parts) != 3 || v2 != (parts[0] == "0" && parts[1] == "") ||
				!v2 && !slices.Contains(strings.Split(parts[1], ","), "memory") {
				continue
			}
			// The mount of a container may show only its own group, as the root.
			rel := ""
			if rest, below := strings.CutPrefix(parts[2], strings.TrimSuffix(base, "/")); below && !strings.Contains(rest, "..") {
				rel = strings.Trim(rest, "/")
			}
			for dir := path.Clean(rel); ; dir = path.Dir(dir) {
				groups = append(groups, memoryGroup{root, path.Join(point, dir), v2})
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
