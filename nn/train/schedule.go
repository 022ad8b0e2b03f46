package train

// A Protocol says when accuracies are measured and rates decay.
type Protocol int

const (
	// Course is the protocol of the assignment's TwoLayerNet.train. An epoch starts at each
	// iteration whose number, from 0, is a multiple of the iterations per epoch. After the update
	// of that iteration, the accuracies on its minibatch and on the validation set are recorded.
	// Then the learning rate decays.
	Course Protocol = iota
	// Solver is the protocol of the assignment's Solver. At the end of every epoch, the learning
	// rate decays. Then the accuracies on training images and on the validation set are recorded.
	// They are also recorded after the first and the last iteration. The training images are 1,000
	// draws with replacement, or all images if there are no more. The best weights are kept.
	Solver
)

// solverSample is the number of training images whose accuracy the Solver measures.
const solverSample = 1000

// A Schedule says how long a block trains, and on which samples.
type Schedule struct {
	Protocol   Protocol
	Iterations int
	Batch      int
	Train, Val Source

	// Division says how many iterations an epoch of [Course] has. The Solver always uses FloorDivision.
	Division Division
}

// measures reports whether accuracies are measured at the end of iteration t.done.
func (t *Trainer[T]) measures() bool { return t.measuresAfter(t.done + 1) }

// measurements returns a close upper bound of the number of measurements.
func (t *Trainer[T]) measurements() int {
	if t.schedule.Protocol == Course {
		return t.schedule.Iterations/t.schedule.Division.Period(t.schedule.Train.Len(), t.schedule.Batch) + 1
	}
	return t.schedule.Iterations/t.perEpoch() + 2
}

// measure records accuracies and decays learning rates at the end of iteration t.done.
func (t *Trainer[T]) measure() {
	switch t.schedule.Protocol {
	case Course:
		if t.measures() {
			t.record(t.idx)
			t.block.decay()
		}
	case Solver:
		if (t.done+1)%t.perEpoch() == 0 {
			t.block.decay()
		}
		if t.measures() {
			if n := t.schedule.Train.Len(); n > solverSample {
				t.rng.Choice(t.sample, n)
			}
			t.record(t.sample)
		}
	}
}

// perEpoch returns the number of iterations of an epoch of the Solver.
func (t *Trainer[T]) perEpoch() int { return max(t.schedule.Train.Len()/t.schedule.Batch, 1) }

// decay multiplies the learning rate of every net by its decay.
func (b *Block[T]) decay() {
	for k := range b.nets {
		b.nets[k].LR *= b.nets[k].Decay
	}
}
