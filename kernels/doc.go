// Package kernels is the contract between the nets and the machine. It lists the operations that
// are hot in training and defines their exact meaning. It knows nothing about CPUs, micro-kernels
// or cache blocking.
//
// A [Set] is one implementation of all operations, for float32 and float64. It is a value that is
// passed down, never a global, so one process can train on several sets in turn. The function [Of]
// returns the operations of a set for one type. They check their arguments:
//
//	set := reference.New()
//	ops := kernels.Of[float32](set)
//	ops.ReLU(h, h)
//
// Package reference has the sets in plain Go, and package blocked has the driver around a
// micro-kernel. The module's root package knows which sets this machine has.
//
// # Numbers
//
// Sets with [Set.Stable] make one promise: an element of a result depends only on the inputs that
// its formula names. The element must not depend on the number of rows or columns around it, on
// alignment, on strides, or on how the work is split. Stable sets of one [Class] also give the same
// bits as each other.
//
// Every operation propagates NaN and ±Inf as its formula does in IEEE 754, and keeps denormals. If
// a formula allows several results, the comment of the operation says which one is correct. The
// sign and payload of a NaN are unspecified.
//
// Every operation runs on the caller's goroutine unless it is given more workers. On one goroutine,
// an operation allocates only in its first calls. The exception is LaneSquares, which may always
// allocate.
package kernels
