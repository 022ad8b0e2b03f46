// Package kernels is the contract between the nets and the machine: the list
// of operations that are hot in training, and their exact meaning. It knows nothing
// about CPUs, micro-kernels or cache blocking.
//
// A [Set] is one implementation of all of them, for float32 and float64. It is
// a value that is passed down, never a global, so one process can train on
// several sets in turn. [Of] gives the operations of a set for one type, with
// their arguments checked:
//
//	set := reference.New()
//	ops := kernels.Of[float32](set)
//	ops.ReLU(h, h)
//
// Package reference has the sets in plain Go, package blocked the driver around a micro-kernel.
// The module's root package knows which sets this machine has.
//
// # Numbers
//
// Sets with [Set.Stable] keep one promise: an element of a result depends only
// on the inputs that its formula names. It does not depend on how many rows or
// columns surround it, on alignment, on strides, or on how the work is split.
// Sets of one [Set.Class] also give the same bits as each other.
//
// Every operation propagates NaN and ±Inf as its formula does in IEEE 754,
// denormals are kept, and the few places where a formula leaves a choice are
// written at the operation. The sign and payload of a NaN are open.
//
// Every operation runs on the caller's goroutine unless it is given more workers. On one
// goroutine, none but LaneSquares allocates after its first calls.
package kernels
