// Package results keeps what sweeps find out: the [Record] of one training, the
// [Journal] that records go to as soon as they are known, and the tables and
// pictures that are made from them.
//
// Everything but the journal is a function of it and can be made again.
package results
