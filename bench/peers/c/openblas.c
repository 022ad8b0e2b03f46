// Times the products of OpenBLAS. It is linked with -lopenblas.
#include "peer.h"

char *openblas_get_config(void);
char *openblas_get_corename(void);
void openblas_set_num_threads(int);
void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
	float beta, float *c, int ldc);
void cblas_dgemm(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b, int ldb,
	double beta, double *c, int ldc);

enum { rows = 101, plain = 111, transposed = 112 };

static void describe(void) {
	openblas_set_num_threads(1);
	char version[64] = "";
	sscanf(openblas_get_config(), "OpenBLAS %63s", version);
	printf("OpenBLAS %s, core %s\n", version, openblas_get_corename());
}

static int prepare(const product *p) { return 1; }

static void multiply(const product *p) {
	int ta = p->ta ? transposed : plain, tb = p->tb ? transposed : plain;
	if (p->f64)
		cblas_dgemm(rows, ta, tb, p->m, p->n, p->k, 1, p->a, p->lda, p->b, p->ldb, 0, p->c, p->ldc);
	else
		cblas_sgemm(rows, ta, tb, p->m, p->n, p->k, 1, p->a, p->lda, p->b, p->ldb, 0, p->c, p->ldc);
}
