//go:build openblas && !cgo

package openblas

// The tag was asked for and cannot be served. The name below is the message.
var _ = the_tag_openblas_needs_CGO_ENABLED_1_a_C_compiler_and_OpenBLAS__run_make_deps
