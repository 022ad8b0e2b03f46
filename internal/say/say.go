// Package say formats numbers, times and rates in the messages of a sweep.
package say

import (
	"fmt"
	"time"
)

// Plural returns a number with its noun: "1 net", "2 nets".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Are returns the start of a sentence about trials: "1 trial is", "2 trials are".
func Are(n int) string {
	if n == 1 {
		return "1 trial is"
	}
	return fmt.Sprintf("%d trials are", n)
}

// Rate formats the operations per second of several cores as a rate per core. If peak is not 0, it
// adds the share of peak, the peak of one core.
func Rate(flops, peak float64, cores int) string {
	flops /= float64(cores)
	s := fmt.Sprintf("%.1f GFLOP/s/core", flops/1e9)
	if peak > 0 {
		s += fmt.Sprintf(" (%.0f%% of its peak)", 100*flops/peak)
	}
	return s
}

// Operations formats a number of floating-point operations: 999 GFLOP, 1.5 TFLOP.
func Operations(flops float64) string {
	units := []string{"GFLOP", "TFLOP", "PFLOP", "EFLOP"}
	flops /= 1e9
	for flops >= 999.95 && len(units) > 1 {
		flops, units = flops/1000, units[1:]
	}
	return fmt.Sprintf("%.4g %s", flops, units[0])
}

// Clock formats a duration: 42s, 3m05s, 2h07m.
func Clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

// Bytes returns a number of bytes in kB, MB or GB, which are powers of 1000.
func Bytes(n int64) string {
	switch {
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
