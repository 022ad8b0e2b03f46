//go:build openblas && !cgo

package openblas

// The build has the tag openblas, but cgo is disabled. The undefined name below is the error
// message of the compiler.
var _ = the_tag_openblas_needs_CGO_ENABLED_1_a_C_compiler_and_OpenBLAS__run_make_deps
