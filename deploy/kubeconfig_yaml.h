/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML document as a tree, as far as configuration needs it: maps with text keys, lists,
 * scalars. Bounded in depth, nodes and aliases; an alias is a reference and never a copy, so what
 * is read stays as small as the file. All text is wiped when the tree goes: it may hold secrets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/err.h"
#include "registry/base/str.h"
#include "registry/base/vec.h"

#define KYAML_DEPTH_MAX 32
#define KYAML_NODES_MAX ((size_t)1 << 18)
#define KYAML_KEYS_MAX  256 /* of one map */
#define KYAML_NAMES_MAX 256 /* anchors */

struct kyaml;
struct kyaml_item {
	char *key; /* NULL in a list */
	struct kyaml *value;
};
struct kyaml {
	enum { KYAML_SCALAR, KYAML_LIST, KYAML_MAP } kind;
	bool is_text, is_null; /* of a scalar; neither: a number or a truth value, in plain style */
	bool is_complete;      /* its end was read */
	struct str text;       /* scalar; NUL-terminated, may have NULs inside */
	char *owned;           /* what text points to */
	VEC(struct kyaml_item) items;
};
struct kyaml_doc {
	VEC(struct kyaml *) nodes;
	const struct kyaml *root; /* NULL: the document is empty */
};

/* Never quotes the text in an error: "line 7: ...". MALFORMED: no YAML, two documents, a key twice,
 * a key that is no text, merge keys, tags other than !!str, an alias into itself; TOO_BIG. */
int kyaml_parse(struct str text, struct kyaml_doc *ret, struct err *e);
void kyaml_fini(struct kyaml_doc *d);

/* The value of a map's key; NULL: m is no map or NULL, no such key, or null. */
const struct kyaml *kyaml_get(const struct kyaml *m, const char *key);
/* true, false and the other words of YAML 1.1 for them; -1: neither. */
int kyaml_bool(const struct kyaml *v, bool *ret);
