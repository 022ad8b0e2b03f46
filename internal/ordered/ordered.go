// Package ordered makes the parts of a whole on all cores, and uses them in order.
package ordered

import (
	"runtime"
	"sync"
)

// Do calls fill for the numbers from 0 to n−1, on all cores, and then use for each of them, in ascending order.
// Both get the same part. There are few parts: fill gets a part as use has left it, so that buffers are made once.
// Do returns the first error of use. When it returns, no goroutine of it runs.
func Do[T any](n int, fill func(i int, part *T), use func(i int, part *T) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		var part T
		for i := range n {
			fill(i, &part)
			if err := use(i, &part); err != nil {
				return err
			}
		}
		return nil
	}
	type job struct {
		i    int
		part T
		done chan struct{}
	}
	jobs := make([]job, min(2*workers, n)) // job i has the numbers i, i + len(jobs), …
	todo := make(chan *job, len(jobs))
	var busy sync.WaitGroup
	defer busy.Wait()
	defer close(todo)
	for i := range jobs {
		jobs[i].i, jobs[i].done = i, make(chan struct{}, 1)
		todo <- &jobs[i]
	}
	for range workers {
		busy.Go(func() {
			for j := range todo {
				fill(j.i, &j.part)
				j.done <- struct{}{}
			}
		})
	}
	for i := range n {
		j := &jobs[i%len(jobs)]
		<-j.done
		if err := use(i, &j.part); err != nil {
			return err
		}
		if j.i += len(jobs); j.i < n {
			todo <- j
		}
	}
	return nil
}
