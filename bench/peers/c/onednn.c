// Times the products of oneDNN, which has them for float32 only. It is linked with -ldnnl.
#include <dnnl.h>

#include "peer.h"

static void describe(void) {
	const dnnl_version_t *v = dnnl_version();
	printf("oneDNN %d.%d.%d, isa %x\n", v->major, v->minor, v->patch, (unsigned)dnnl_get_effective_cpu_isa());
}

static int prepare(const product *p) { return !p->f64; }

static void multiply(const product *p) {
	dnnl_sgemm(p->ta ? 'T' : 'N', p->tb ? 'T' : 'N', p->m, p->n, p->k, 1, p->a, p->lda, p->b, p->ldb, 0, p->c, p->ldc);
}
