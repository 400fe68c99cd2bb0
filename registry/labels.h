/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels: key=value, as lines "k=v" sorted by key. Keys are [a-z0-9][a-z0-9._/-]{0,62}; values are
 * UTF-8 of at most 255 bytes without control characters. A model or version holds 1,023 bytes of
 * them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/err.h"
#include "registry/base/json.h"

#define LABELS_SIZE 1024

int label_parse(const char *text, char ret_key[64], const char **ret_value,
                struct err *e); /* "k=v"; USAGE */
int label_key_check(const char *key, struct err *e);
/* body: {"remove":[..],"set":{..}}. -1: not that, or it does not fit; the text is then as it was.
 */
int labels_apply(char *text, size_t size, const json_t *body);
/* Value of key in text; false: absent. ret may be NULL. */
bool labels_get(const char *text, const char *key, char *ret, size_t size);
/* "k" or "k=v": does text have it? */
bool labels_match(const char *text, const char *wanted);
void labels_json(const char *text, struct json_out *o, const char *key); /* an object */
json_t *labels_object(const char *text);                                 /* new reference */

/* Sets of proof layers, kept here because entries and journal name them alike: ["object","listed"].
 */
#define PROOF_WORDS                                                               \
	{                                                                         \
		"object", "workload", "instances", "listed", "answered", "soaked" \
	}
unsigned proofs_from_json(const json_t *array);
json_t *proofs_to_json(unsigned proofs);     /* new reference */
const char *proofs_highest(unsigned proofs); /* "answered"; "none" */
