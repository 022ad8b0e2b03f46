// The loop that the programs share. A program defines the functions below and includes nothing else of it.
//
// The first line of the output names the library. Then the program answers lines of the input:
//
//	f32 NN 200 3072 50    prepares C ← op(A)·op(B), where op(A) is m×k and op(B) is k×n: "ok", or "unsupported"
//	wall 100              computes the product 100 times: the seconds that this took
//	cpu 100               the same, with the CPU time of the process
//	element 3 5           the element of C in that row and column
//
// Matrices are row-major, start at a page, and hold the numbers of set below.
#ifndef PEER_H
#define PEER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// A product is C ← op(A)·op(B). The strides of rows are lda, ldb and ldc.
typedef struct {
	int f64, ta, tb;
	long m, k, n, lda, ldb, ldc;
	void *a, *b, *c;
} product;

// describe prints the name and the version of the library, and the kernels that it uses, in one line.
static void describe(void);
// prepare returns 0 if the library has no such product. It may generate code.
static int prepare(const product *p);
// multiply computes the product that was prepared last.
static void multiply(const product *p);

// set fills a matrix with numbers from −½ to ½, as Numbers of package peers does.
static void *set(long n, int f64, unsigned state) {
	size_t size = f64 ? sizeof(double) : sizeof(float);
	void *x = aligned_alloc(4096, (n * size + 4096) / 4096 * 4096);
	if (!x) {
		fprintf(stderr, "no memory for %ld elements\n", n);
		exit(1);
	}
	for (long i = 0; i < n; i++) {
		state = state * 1664525u + 1013904223u;
		double v = (double)(state >> 8) / (1 << 24) - 0.5;
		if (f64)
			((double *)x)[i] = v;
		else
			((float *)x)[i] = (float)v;
	}
	return x;
}

static double seconds(int cpu) {
	struct timespec t;
	clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(void) {
	setvbuf(stdout, NULL, _IOLBF, 1 << 12);
	describe();
	product p;
	memset(&p, 0, sizeof p);
	char word[8], op[3], line[256];
	long x, y;
	while (fgets(line, sizeof line, stdin)) {
		product q;
		memset(&q, 0, sizeof q);
		if (sscanf(line, "%7s %2s %ld %ld %ld", word, op, &q.m, &q.k, &q.n) == 5) {
			free(p.a), free(p.b), free(p.c);
			p = q;
			p.f64 = !strcmp(word, "f64"), p.ta = op[0] == 'T', p.tb = op[1] == 'T';
			p.lda = p.ta ? p.m : p.k, p.ldb = p.tb ? p.k : p.n, p.ldc = p.n;
			p.a = set(p.m * p.k, p.f64, 1), p.b = set(p.k * p.n, p.f64, 2), p.c = set(p.m * p.n, p.f64, 3);
			puts(prepare(&p) ? "ok" : "unsupported");
		} else if (sscanf(line, "element %ld %ld", &x, &y) == 2) {
			long i = x * p.ldc + y;
			printf("%.17g\n", p.f64 ? ((double *)p.c)[i] : ((float *)p.c)[i]);
		} else if (sscanf(line, "%7s %ld", word, &x) == 2) {
			int cpu = !strcmp(word, "cpu");
			double start = seconds(cpu);
			while (x-- > 0)
				multiply(&p);
			printf("%.9f\n", seconds(cpu) - start);
		} else {
			fprintf(stderr, "not a request: %s", line);
			return 1;
		}
	}
	return 0;
}

#endif
