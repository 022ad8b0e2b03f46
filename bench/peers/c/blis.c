// Times the products of BLIS. It is linked with -lblis.
#include <stdint.h>

#include "peer.h"

// The integers of Debian's BLIS have 64 bits, and its transpositions these bits.
typedef int64_t dim;
enum { plain = 0, transposed = 1 << 3 };

void bli_init(void);
int bli_arch_query_id(void);
const char *bli_arch_string(int id);
const char *bli_info_get_version_str(void);
void bli_sgemm(int ta, int tb, dim m, dim n, dim k, const float *alpha, const float *a, dim rsa, dim csa, const float *b, dim rsb, dim csb,
	const float *beta, float *c, dim rsc, dim csc);
void bli_dgemm(int ta, int tb, dim m, dim n, dim k, const double *alpha, const double *a, dim rsa, dim csa, const double *b, dim rsb, dim csb,
	const double *beta, double *c, dim rsc, dim csc);

static void describe(void) {
	bli_init(); // before the first question, which the variable BLIS_ARCH_TYPE answers otherwise
	printf("BLIS %s, kernels %s\n", bli_info_get_version_str(), bli_arch_string(bli_arch_query_id()));
}

static int prepare(const product *p) { return 1; }

static void multiply(const product *p) {
	int ta = p->ta ? transposed : plain, tb = p->tb ? transposed : plain;
	if (p->f64) {
		double one = 1, zero = 0;
		bli_dgemm(ta, tb, p->m, p->n, p->k, &one, p->a, p->lda, 1, p->b, p->ldb, 1, &zero, p->c, p->ldc, 1);
	} else {
		float one = 1, zero = 0;
		bli_sgemm(ta, tb, p->m, p->n, p->k, &one, p->a, p->lda, 1, p->b, p->ldb, 1, &zero, p->c, p->ldc, 1);
	}
}
