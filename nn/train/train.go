package train

import (
	"fmt"
	"math"
	"slices"

	"fusegrid/kernels"
	"fusegrid/nn/nprand"
)

// curveRoom is the maximum number of losses for which a new curve has room.
const curveRoom = 1 << 16

// A Curve is the history of one net.
type Curve struct {
	Loss     []float64 `json:"loss"`      // of each iteration, before its update
	TrainAcc []float64 `json:"train_acc"` // of each measurement
	ValAcc   []float64 `json:"val_acc"`
	BestVal  float64   `json:"best_val"` // largest of ValAcc
}

// A Leaver is a net that leaves a block before the end of its schedule.
type Leaver struct {
	ID        int // position among the nets that the trainer started with
	Iteration int // the iteration, from 0, whose loss or updated weights were not finite
	Loss      float64
}

// A Trainer trains a block according to its schedule, one iteration at a time.
type Trainer[T kernels.Float] struct {
	block    *Block[T]
	schedule Schedule
	rng      *nprand.State // minibatches
	done     int           // iterations done
	ids      []int         // ids[k] is the position at which net k started
	curves   []*Curve      // by the position at which the net started
	best     [][][]T       // Solver: weights of the best validation accuracy, by the same position

	idx     []int
	all     []int // 0, 1, …: indices of the validation set
	sample  []int
	keep    []bool
	hits    []int // of each net, on training samples; and on the validation set
	valHits []int
	vals    []float64
	err     error

	// Leaving, if not nil, is called for each net that diverged, before it leaves the block. The net is
	// at position k of the block.
	Leaving func(k int)
}

// NewTrainer returns a trainer of block that draws its minibatches from rng. If all nets leave, it draws
// no more minibatches, although the course's loops would draw those of the remaining iterations.
func NewTrainer[T kernels.Float](block *Block[T], schedule Schedule, rng *nprand.State) (*Trainer[T], error) {
	s := schedule
	if s.Batch < 1 || s.Batch > block.shape.Batch {
		return nil, fmt.Errorf("train: batch %d, want 1…%d", s.Batch, block.shape.Batch)
	}
	if s.Iterations < 0 {
		return nil, fmt.Errorf("train: %d iterations, want 0 or more", s.Iterations)
	}
	if s.Division != FloorDivision && s.Division != TrueDivision {
		return nil, fmt.Errorf("train: %v, want FloorDivision or TrueDivision", s.Division)
	}
	for _, set := range []Source{s.Train, s.Val} {
		if err := block.first.check(set); err != nil {
			return nil, err
		}
	}
	t := &Trainer[T]{
		block: block, schedule: s, rng: rng,
		idx:     make([]int, s.Batch),
		all:     make([]int, s.Val.Len()),
		sample:  make([]int, min(solverSample, s.Train.Len())),
		keep:    make([]bool, block.Len()),
		hits:    make([]int, block.Len()),
		valHits: make([]int, block.Len()),
		best:    make([][][]T, block.Len()),
	}
	for i := range t.all {
		t.all[i] = i
	}
	for i := range t.sample {
		t.sample[i] = i
	}
	for k := range block.Len() {
		t.ids = append(t.ids, k)
		measured := min(t.measurements(), curveRoom)
		t.curves = append(t.curves, &Curve{
			Loss:     make([]float64, 0, min(s.Iterations, curveRoom)),
			TrainAcc: make([]float64, 0, measured), ValAcc: make([]float64, 0, measured),
		})
	}
	return t, nil
}

// Block returns the nets that are still training.
func (t *Trainer[T]) Block() *Block[T] { return t.block }

// Done returns the number of iterations done.
func (t *Trainer[T]) Done() int { return t.done }

// Finished reports whether the schedule is over, no net is left, or a sample was wrong; see [Trainer.Err].
func (t *Trainer[T]) Finished() bool {
	return t.done >= t.schedule.Iterations || t.block.Len() == 0 || t.err != nil
}

// Err returns an error if a sample of the last minibatch had a wrong label. The nets were not trained on
// that minibatch.
func (t *Trainer[T]) Err() error { return t.err }

// IDs returns, for each net of the block, its position among the nets that the trainer started with.
func (t *Trainer[T]) IDs() []int { return t.ids }

// Curve returns the history of the net that started at position id.
func (t *Trainer[T]) Curve(id int) *Curve { return t.curves[id] }

// Step does one iteration and returns the nets that diverged in it, which leave the block. A net
// has diverged if its loss is NaN or infinite. Before a measurement and after the last iteration, a
// net has also diverged if its updated weights are not finite. If weights become infinite or NaN in
// another iteration, the net leaves one iteration later, because its loss is not finite then.
func (t *Trainer[T]) Step() []Leaver {
	t.rng.Choice(t.idx, t.schedule.Train.Len())
	t.block.load(t.schedule.Train, t.idx)
	if t.err = t.block.wrongLabel(t.idx); t.err != nil {
		return nil
	}
	losses := t.block.step(len(t.idx))
	var finite []bool
	if t.measures() || t.done == t.schedule.Iterations-1 {
		finite = t.block.finite()
	}
	var left []Leaver
	for k, loss := range losses {
		id := t.ids[k]
		t.curves[id].Loss = append(t.curves[id].Loss, loss)
		t.keep[k] = isFinite(loss) && (finite == nil || finite[k])
		if !t.keep[k] {
			if t.Leaving != nil {
				t.Leaving(k)
			}
			left = append(left, Leaver{ID: id, Iteration: t.done, Loss: loss})
		}
	}
	if len(left) > 0 {
		t.Keep(t.keep[:len(losses)])
	}
	t.measure()
	t.done++
	return left
}

// Keep drops each net k of the block for which keep[k] is false.
func (t *Trainer[T]) Keep(keep []bool) {
	at := 0
	for k, id := range t.ids {
		if keep[k] {
			t.ids[at] = id
			at++
		}
	}
	t.ids = t.ids[:at]
	t.block.Keep(keep)
}

// RestoreBest gives each net that is still training the weights of its best validation accuracy, as
// the Solver does at the end of a training. A checkpoint for longer training must be taken before
// RestoreBest.
func (t *Trainer[T]) RestoreBest() {
	for k, id := range t.ids {
		if t.best[id] != nil {
			t.block.SetWeights(k, t.best[id])
		}
	}
}

// BestStep returns the number of iterations after which the net that started at position id had its
// best validation accuracy. If the trainer has no best weights of the net, it returns
// [Trainer.Done].
func (t *Trainer[T]) BestStep(id int) int {
	if t.best[id] == nil {
		return t.done
	}
	acc := t.curves[id].ValAcc
	nth := slices.Index(acc, slices.Max(acc))
	return t.MeasuredAfter(nth + 1)[nth]
}

// MeasuredAfter returns the first n numbers of iterations after which accuracies are measured. They belong to the first
// n accuracies of a curve.
func (t *Trainer[T]) MeasuredAfter(n int) []int {
	steps := make([]int, 0, n)
	for step := 1; len(steps) < n; step++ {
		if t.measuresAfter(step) {
			steps = append(steps, step)
		}
	}
	return steps
}

// measuresAfter reports whether accuracies are measured after the given number of iterations.
func (t *Trainer[T]) measuresAfter(step int) bool {
	if t.schedule.Protocol == Course {
		return (step-1)%t.schedule.Division.Period(t.schedule.Train.Len(), t.schedule.Batch) == 0
	}
	return step == 1 || step == t.schedule.Iterations || step%t.perEpoch() == 0
}

// record measures the accuracy of every net on the training images at idx and on the validation set.
func (t *Trainer[T]) record(idx []int) {
	if t.block.Len() == 0 {
		return
	}
	train := t.hits[:t.block.Len()]
	t.block.countHits(train, t.schedule.Train, idx)
	t.vals = t.validate(t.vals[:0])
	for k, acc := range t.vals {
		id := t.ids[k]
		c := t.curves[id]
		c.TrainAcc = append(c.TrainAcc, float64(train[k])/float64(len(idx)))
		c.ValAcc = append(c.ValAcc, acc)
		if acc > c.BestVal {
			c.BestVal = acc
			if t.schedule.Protocol == Solver {
				t.best[id] = t.block.Weights(k)
			}
		}
	}
}

// Validate returns the accuracy of each net of the block on the validation set. The accuracy is NaN
// if a weight of the net is not finite. Such a net leaves in the next iteration. Validate does not
// change the curves, the random stream or the training that follows.
func (t *Trainer[T]) Validate() []float64 {
	return t.validate(nil)
}

// validate appends the accuracies to acc.
func (t *Trainer[T]) validate(acc []float64) []float64 {
	hits := t.valHits[:t.block.Len()]
	if len(hits) == 0 {
		return acc
	}
	t.block.countHits(hits, t.schedule.Val, t.all)
	for k, ok := range t.block.finite() {
		share := math.NaN()
		if ok {
			share = float64(hits[k]) / float64(len(t.all))
		}
		acc = append(acc, share)
	}
	return acc
}
