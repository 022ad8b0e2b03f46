// Package results stores the results of sweeps. A [Record] is the outcome of one trial. A [Journal]
// is the file that receives each record as soon as it is known. Tables and pictures are computed
// from the journal and can be made again.
package results
