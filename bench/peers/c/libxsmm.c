// Times the products of libxsmm: a kernel that is generated for the shape if there is one, and otherwise
// its general product, which calls a BLAS. It is linked with -lxsmm -lopenblas.
#include <libxsmm.h>

#include "peer.h"

static libxsmm_smmfunction f32;
static libxsmm_dmmfunction f64;

static void describe(void) {
	libxsmm_init();
	printf("libxsmm %s, target %s\n", LIBXSMM_VERSION, libxsmm_get_target_arch());
}

// libxsmm's matrices are column-major, so it computes Cᵀ = op(B)ᵀ·op(A)ᵀ.
static int prepare(const product *p) {
	libxsmm_blasint lda = p->lda, ldb = p->ldb, ldc = p->ldc;
	int flags = (p->tb ? LIBXSMM_GEMM_FLAG_TRANS_A : 0) | (p->ta ? LIBXSMM_GEMM_FLAG_TRANS_B : 0);
	int prefetch = LIBXSMM_PREFETCH_NONE;
	f32 = 0, f64 = 0;
	if ((double)p->m * p->n * p->k > 300.0 * 300 * 300)
		return 1; // code for large shapes would have no blocks
	if (p->f64) {
		double one = 1, zero = 0;
		f64 = libxsmm_dmmdispatch(p->n, p->m, p->k, &ldb, &lda, &ldc, &one, &zero, &flags, &prefetch);
	} else {
		float one = 1, zero = 0;
		f32 = libxsmm_smmdispatch(p->n, p->m, p->k, &ldb, &lda, &ldc, &one, &zero, &flags, &prefetch);
	}
	return 1;
}

static void multiply(const product *p) {
	libxsmm_blasint m = p->n, n = p->m, k = p->k, lda = p->ldb, ldb = p->lda, ldc = p->ldc;
	const char *ta = p->tb ? "T" : "N", *tb = p->ta ? "T" : "N";
	if (f32)
		f32(p->b, p->a, p->c);
	else if (f64)
		f64(p->b, p->a, p->c);
	else if (p->f64) {
		double one = 1, zero = 0;
		libxsmm_dgemm(ta, tb, &m, &n, &k, &one, p->b, &lda, p->a, &ldb, &zero, p->c, &ldc);
	} else {
		float one = 1, zero = 0;
		libxsmm_sgemm(ta, tb, &m, &n, &k, &one, p->b, &lda, p->a, &ldb, &zero, p->c, &ldc);
	}
}
