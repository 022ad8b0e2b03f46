package main

import (
	"context"
	"sync"
	"sync/atomic"

	"fusegrid/results"
)

// schedule runs the blocks on the given number of goroutines and hands their
// records to keep, from the calling goroutine and in the order they end. It
// returns when all goroutines have ended: after the last block, after keep has
// failed, or after ctx is done, in which case what ended before is kept.
func schedule(ctx context.Context, blocks []block, workers int, r runner, live *live, keep func([]results.Record) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var next atomic.Int64
	ended := make(chan []results.Record, 64)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(blocks) {
					return
				}
				track := live.begin(i+1, blocks[i])
				err := r.run(ctx, blocks[i], hooks{
					stepped: track.stepped,
					ended:   func(records []results.Record) { ended <- records },
				})
				track.end()
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(ended)
	}()

	var failed error
	for records := range ended {
		// What has piled up goes to the disk together.
		for more := true; more && len(ended) > 0; {
			var rs []results.Record
			if rs, more = <-ended; more {
				records = append(records, rs...)
			}
		}
		if failed != nil {
			continue
		}
		if failed = keep(records); failed != nil {
			cancel(failed)
			continue
		}
		live.ended(records)
	}
	if failed != nil {
		return failed
	}
	return context.Cause(ctx)
}
