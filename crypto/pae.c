/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DSSE's pre-authentication encoding: what is signed is the type and the body, each behind its
 * length, so that no pair of them can be read as another pair. Knows no JSON and no envelope.
 */
#include "crypto/pae.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "DSSEv1 ", two decimal sizes of at most 20 digits, three spaces, the NUL of snprintf */
#define HEAD_MAX 64

char *
pae(const char *type, size_t type_n, const void *body, size_t body_n, size_t *ret_n)
{
	char *p, *at;
	int n;

	if (type_n > SIZE_MAX - HEAD_MAX || body_n > SIZE_MAX - HEAD_MAX - type_n)
		return NULL;
	p = malloc(HEAD_MAX + type_n + body_n);
	if (!p)
		return NULL;

	n = snprintf(p, HEAD_MAX, "DSSEv1 %zu ", type_n);
	at = p + n;
	if (type_n > 0)
		memcpy(at, type, type_n);
	at += type_n;
	n = snprintf(at, HEAD_MAX - (size_t)n, " %zu ", body_n);
	at += n;
	if (body_n > 0)
		memcpy(at, body, body_n);
	at += body_n;
	*ret_n = (size_t)(at - p);

	return p;
}
