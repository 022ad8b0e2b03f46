// Package openblas makes a kernel set whose matrix product is OpenBLAS, called
// through gonum's netlib. It is the rival that the other sets are measured
// against, and the only package of this module that uses C.
//
// Without the build tag openblas, only [Remedy] is here. With it there are also
// New, which makes the set, and Read, which says what was linked:
//
//	make deps                      # installs OpenBLAS
//	go test -tags openblas ./...
//
// # Threads
//
// OpenBLAS gets one thread per call: whoever calls owns the cores. Calls from many
// goroutines are let through one per core, since a goroutine in C holds an
// operating-system thread and OpenBLAS has a fixed table of work buffers.
//
// # Which kernels it runs
//
// OpenBLAS looks at the CPU's model number, once, when it is loaded. On a model that
// its version does not know it may take kernels for SSE3 where the CPU has
// AVX-512, silently and several times slower. The variable OPENBLAS_CORETYPE, read
// at the same moment, names the kernels instead. [Remedy] compares the core that
// OpenBLAS chose with the features of the CPU.
package openblas
