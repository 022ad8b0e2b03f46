// Package openblas provides a kernel set with the matrix product of OpenBLAS, called through
// gonum's netlib. Benchmarks compare the other sets with this set. The package is the only one in
// this module that uses C.
//
// Without the build tag openblas, the package has only [Remedy]. With the tag it also has New,
// which returns the set, and Read, which describes the linked library:
//
//	make deps                      # installs OpenBLAS
//	go test -tags openblas ./...
//
// # Threads
//
// OpenBLAS uses one thread per call, so the caller decides how many cores to use. At most one
// call per core runs at a time; further concurrent calls wait. This limit exists because a
// goroutine in C occupies an operating-system thread, and because OpenBLAS has a fixed table of
// work buffers.
//
// # Which kernels it runs
//
// When OpenBLAS is loaded, it chooses its kernels by the model number of the CPU. A version that
// does not know the model may silently choose SSE3 kernels on a CPU with AVX-512. These kernels are
// several times slower than AVX-512 kernels. The environment variable OPENBLAS_CORETYPE overrides
// the choice, and is read only at load time. OpenBLAS calls the CPU model whose kernels it uses its
// core. [Remedy] compares the core with the features of the CPU.
package openblas
