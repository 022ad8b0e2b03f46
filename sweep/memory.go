package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// enoughMemory reports whether the blocks that train side by side fit into the memory that the system has
// left, where it says how much that is.
func (s *job) enoughMemory(blocks []block) error {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return nil // another system
	}
	defer f.Close()
	free, ok := available(f)
	if !ok {
		return nil
	}
	return s.within(free, blocks)
}

// within reports whether the weights of the blocks that train side by side fit into so many bytes.
func (s *job) within(free float64, blocks []block) error {
	sizes := make([]float64, len(blocks))
	for i, b := range blocks {
		for _, t := range b.open() {
			sizes[i] += float64(s.stateSize(t.config))
		}
	}
	slices.SortFunc(sizes, func(a, b float64) int { return cmp.Compare(b, a) })
	need, n := 0.0, min(s.workers, len(blocks))
	for _, size := range sizes[:n] {
		need += size
	}
	if need <= free {
		return nil
	}
	return badInput{fmt.Errorf("the nets that train side by side need at least %.4g GB of memory, of which %.4g GB are left; try fewer -workers, -block 1 or smaller nets", need/1e9, free/1e9)}
}

// available reads what Linux says of its memory: the bytes that programs can still have.
func available(r io.Reader) (bytes float64, ok bool) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "MemAvailable:"); found {
			n, err := fmt.Sscanf(rest, "%g kB", &bytes)
			return bytes * 1024, n == 1 && err == nil
		}
	}
	return 0, false
}
