// Package sample proposes points of a space of parameters: random points, Latin hypercubes, scrambled
// Halton sequences, and points of a tree-structured Parzen estimator (TPE).
//
// A [Sampler] proposes its points in rounds. The points of a round are a function of the space, the
// seed, the size and the number of the round, and the results of all earlier rounds. They do not
// depend on the order in which these results arrived, nor on the number of workers.
//
// The points have the same bits on every machine. The package uses only operations that IEEE 754
// defines exactly, and functions of internal/portable. Random numbers come from ChaCha8.
package sample
