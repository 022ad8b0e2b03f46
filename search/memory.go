package search

import (
	"fmt"
	"io/fs"
	"math"
	"os"
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
	need := s.planner.Memory(blocks)
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
	for _, g := range groupsOf(root, "memory") {
		if left, ok := g.memoryLeft(); ok && left < free {
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
