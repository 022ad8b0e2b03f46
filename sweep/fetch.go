package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"fusegrid/internal/cli"
	"fusegrid/internal/say"
	"fusegrid/nn/dataset"
	"fusegrid/search/progress"
)

// fetch downloads CIFAR-10 into the user's cache folder, where a sweep finds it.
func fetch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := cli.NewFlags("fetch")
	var url string
	fs.Func("url", "", text(&url))
	python := fs.Bool("python", false, "")
	quiet := fs.Bool("quiet", false, "")
	if err := parse(fs, args); err != nil {
		return err
	}
	archive := dataset.BinaryArchive()
	if *python {
		archive = dataset.PythonArchive()
	}
	if url != "" {
		archive.URL = url
	}
	cache, err := dataset.CacheDir()
	if err != nil {
		return badInput{err}
	}

	logger(stderr).Printf("fetching %s", archive.URL)
	var d download
	stop := func() {}
	if !*quiet {
		stop = progress.NewScreen(stderr).Follow(ctx, d.line)
	}
	dir, err := dataset.Fetch(ctx, archive, cache, d.progress)
	stop()
	switch {
	case ctx.Err() != nil:
		logger(stderr).Printf("interrupted; the bytes that have arrived are kept. To resume:\n  %s", commandLine(append([]string{"fetch"}, args...)))
		return errors.Join(errShown, ctx.Err())
	case err != nil:
		return badInput{err}
	}
	fmt.Fprintf(stdout, "%s\n", dir)
	return nil
}

// A download counts bytes.
type download struct {
	first       atomic.Int64 // bytes of an earlier download, plus one; 0 before the first call
	done, total atomic.Int64
}

func (d *download) progress(done, total int64) {
	d.first.CompareAndSwap(0, done+1)
	d.done.Store(done)
	d.total.Store(total)
}

func (d *download) line(elapsed time.Duration, width int) string {
	const mega = 1e6
	first, done, total := d.first.Load(), d.done.Load(), d.total.Load()
	if first == 0 {
		return "connecting"
	}
	rate := float64(done-first+1) / elapsed.Seconds()
	if total <= 0 {
		return fmt.Sprintf("%.1f MB  %.1f MB/s", float64(done)/mega, rate/mega)
	}
	text := fmt.Sprintf("%3.0f%%  %.1f of %.1f MB  %.1f MB/s", 100*float64(done)/float64(total), float64(done)/mega, float64(total)/mega, rate/mega)
	switch {
	case done >= total:
		text += "  unpacking"
	case rate > 0:
		text += "  ETA " + say.Clock(time.Duration(float64(total-done)/rate*float64(time.Second)))
	}
	if room := min(width-len(text)-4, 30); room >= 8 {
		text = progress.Bar(float64(done)/float64(total), room) + " " + text
	}
	return text
}
