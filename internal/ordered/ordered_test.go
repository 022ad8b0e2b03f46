package ordered_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"fusegrid/internal/ordered"
)

func TestDo(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cores := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(cores)
		for _, n := range []int{0, 1, 2, 3, 13, 14, 15, 1000} {
			var got, want []int
			var fills atomic.Int64
			parts := map[*[]int]bool{}
			err := ordered.Do(n, func(i int, part *[]int) {
				fills.Add(1)
				*part = append((*part)[:0], i, i*i)
			}, func(i int, part *[]int) error {
				parts[part] = true
				got = append(got, (*part)...)
				return nil
			})
			for i := range n {
				want = append(want, i, i*i)
			}
			if err != nil || !slices.Equal(got, want) || fills.Load() != int64(n) || len(parts) > 2*cores {
				t.Errorf("%d cores, %d: %v after %d fills of %d parts, error %v", cores, n, got, fills.Load(), len(parts), err)
			}
		}
	}
}

func TestError(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	stop := errors.New("stop")
	for _, cores := range []int{1, 3} {
		runtime.GOMAXPROCS(cores)
		for _, at := range []int{0, 1, 8, 99} {
			t.Run(fmt.Sprint(cores, at), func(t *testing.T) {
				uses := 0
				var running atomic.Int64
				err := ordered.Do(100, func(int, *int) {
					running.Add(1)
					runtime.Gosched()
					running.Add(-1)
				}, func(i int, _ *int) error {
					uses++
					if i == at {
						return stop
					}
					return nil
				})
				if err != stop || uses != at+1 || running.Load() != 0 {
					t.Errorf("error %v after %d uses, %d run", err, uses, running.Load())
				}
			})
		}
	}
}
