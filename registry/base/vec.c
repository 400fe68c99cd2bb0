/* SPDX-License-Identifier: Apache-2.0 */
/* The one growing step behind the typed arrays of vec.h: doubles, checks the product, aborts. */
#include "registry/base/vec.h"

void *
vec_grow_(void *v, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : 8;
	size_t bytes;

	if (need <= *cap)
		return v;
	while (n < need) {
		if (__builtin_mul_overflow(n, 2, &n))
			n = need;
	}
	if (__builtin_mul_overflow(n, size, &bytes))
		abort();
	v = xrealloc(v, bytes);
	*cap = n;
	return v;
}
