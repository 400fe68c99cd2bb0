/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML by libyaml's events, its only user: each event adds to the innermost open list or map. What
 * a plain scalar is (text, number, null) follows YAML 1.1, as the readers of Kubernetes do. Knows
 * nothing of what the document is about.
 */
#include "deploy/kubeconfig_yaml.h"

#include <sodium.h>
#include <string.h>
#include <yaml.h>

struct anchor {
	char *name;
	struct kyaml *node;
};
struct level {
	struct kyaml *node;
	char *key; /* of a map: read, and waits for its value */
};
struct reader {
	struct kyaml_doc doc;
	struct level open[KYAML_DEPTH_MAX];
	size_t depth;
	VEC(struct anchor) anchors;
	size_t line;
};

static void
wipe(char *s, size_t n)
{
	if (s)
		sodium_memzero(s, n);
	free(s);
}

static void
node_free(struct kyaml *k)
{
	for (size_t i = 0; i < k->items.n; i++)
		free(k->items.v[i].key);
	vec_fini(&k->items);
	wipe(k->owned, k->text.n);
	free(k);
}

void
kyaml_fini(struct kyaml_doc *d)
{
	for (size_t i = 0; i < d->nodes.n; i++)
		node_free(d->nodes.v[i]);
	vec_fini(&d->nodes);
	d->root = NULL;
}

static void
reader_fini(struct reader *r)
{
	while (r->depth > 0)
		free(r->open[--r->depth].key);
	for (size_t i = 0; i < r->anchors.n; i++)
		free(r->anchors.v[i].name);
	vec_fini(&r->anchors);
	kyaml_fini(&r->doc);
}

static int
bad(const struct reader *r, struct err *e, const char *what)
{
	return err_set(e, ERR_MALFORMED, "line %zu: %s", r->line, what);
}

/* A key or value that is complete as a name: the key of the open map, or an item of what is open.
 */
static int
attach(struct reader *r, struct kyaml *k, struct err *e)
{
	struct level *const at = r->depth ? &r->open[r->depth - 1] : NULL;

	if (!at) {
		r->doc.root = k;
		return 0;
	}
	if (at->node->kind == KYAML_MAP) {
		if (!at->key)
			return bad(r, e, "a key that is no text");
		if (at->node->items.n == KYAML_KEYS_MAX)
			return err_set(e, ERR_TOO_BIG, "line %zu: more than %d keys", r->line,
			               KYAML_KEYS_MAX);
	}
	vec_push(&at->node->items, ((struct kyaml_item){ .key = steal(&at->key), .value = k }));
	return 0;
}

static int
new_node(struct reader *r, struct kyaml **ret, struct err *e)
{
	struct kyaml *k;

	if (r->doc.nodes.n == KYAML_NODES_MAX)
		return err_set(e, ERR_TOO_BIG, "line %zu: more than %zu values", r->line,
		               KYAML_NODES_MAX);
	k = xcalloc(1, sizeof *k);
	vec_push(&r->doc.nodes, k);
	*ret = k;
	return 0;
}

static int
remember(struct reader *r, const yaml_char_t *anchor, struct kyaml *k, struct err *e)
{
	if (!anchor)
		return 0;
	if (r->anchors.n == KYAML_NAMES_MAX)
		return err_set(e, ERR_TOO_BIG, "line %zu: more than %d anchors", r->line,
		               KYAML_NAMES_MAX);
	vec_push(&r->anchors,
	         ((struct anchor){ .name = xstrdup((const char *)anchor), .node = k }));
	return 0;
}

static int
on_alias(struct reader *r, const char *name, struct err *e)
{
	/* the last of a name counts */
	for (size_t i = r->anchors.n; i > 0; i--) {
		const struct anchor *const a = &r->anchors.v[i - 1];

		if (!streq(a->name, name))
			continue;
		if (!a->node->is_complete)
			return bad(r, e, "an alias of what it stands in");
		return attach(r, a->node, e);
	}
	return bad(r, e, "an alias of an anchor that is not there");
}

static bool
is_one_of(struct str s, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		if (str_is(s, words[i]))
			return true;
	return false;
}

static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
static const char *const trues[] = { "y",    "Y",    "yes", "Yes", "YES", "true",
	                             "True", "TRUE", "on",  "On",  "ON",  NULL };
static const char *const falses[] = { "n",     "N",     "no",  "No",  "NO",  "false",
	                              "False", "FALSE", "off", "Off", "OFF", NULL };

static size_t
take_digits(struct str s, size_t *at)
{
	size_t digits = 0;

	for (; *at < s.n && ((s.p[*at] >= '0' && s.p[*at] <= '9') || s.p[*at] == '_'); (*at)++)
		digits += s.p[*at] != '_';
	return digits;
}

/* Would YAML 1.1 read a number? 1_000, -3, 0x1F, 0b1, .5, 6e2, .inf and their like. */
static bool
is_number(struct str s)
{
	static const char *const odd[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
	size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
	size_t digits = 0;

	if (is_one_of((struct str){ s.p + i, s.n - i }, odd))
		return true;
	if (s.n - i > 2 && s.p[i] == '0' && s.p[i + 1] && strchr("xXbBoO", s.p[i + 1]))
		return i + 2 + strspn(s.p + i + 2, "0123456789abcdefABCDEF_") == s.n;
	digits = take_digits(s, &i);
	if (i < s.n && s.p[i] == '.') {
		i++;
		digits += take_digits(s, &i);
	}
	if (digits == 0)
		return false;
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
		if (take_digits(s, &i) == 0)
			return false;
	}
	return i == s.n;
}

static int
on_key(struct reader *r, struct level *at, const yaml_event_t *ev, struct err *e)
{
	const struct str key = { (const char *)ev->data.scalar.value, ev->data.scalar.length };

	if (memchr(key.p, '\0', key.n))
		return bad(r, e, "a key with a NUL in it");
	if (ev->data.scalar.plain_implicit && str_is(key, "<<"))
		return bad(r, e, "merge keys (<<) are not read: write the members out");
	for (size_t i = 0; i < at->node->items.n; i++)
		if (str_is(key, at->node->items.v[i].key))
			return bad(r, e, "a key that this map has already");
	at->key = xstrndup(key.p, key.n);
	return 0;
}

static int
on_scalar(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	struct level *const at = r->depth ? &r->open[r->depth - 1] : NULL;
	const char *const tag = (const char *)ev->data.scalar.tag;
	const bool is_plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;
	struct kyaml *k;
	int rc;

	if (tag && !streq(tag, YAML_STR_TAG) && !streq(tag, "!"))
		return bad(r, e, "a tag that is not read here");
	if (at && at->node->kind == KYAML_MAP && !at->key)
		return on_key(r, at, ev, e);
	rc = new_node(r, &k, e);
	if (rc < 0)
		return rc;
	k->owned = xmalloc(ev->data.scalar.length + 1);
	memcpy(k->owned, ev->data.scalar.value, ev->data.scalar.length);
	k->owned[ev->data.scalar.length] = '\0';
	k->text = (struct str){ k->owned, ev->data.scalar.length };
	k->is_null = is_plain && is_one_of(k->text, nulls);
	k->is_text = !is_plain || !(k->is_null || is_one_of(k->text, trues) ||
	                            is_one_of(k->text, falses) || is_number(k->text));
	k->is_complete = true;
	rc = remember(r, ev->data.scalar.anchor, k, e);
	return rc < 0 ? rc : attach(r, k, e);
}

static int
on_open(struct reader *r, bool is_map, const yaml_char_t *anchor, const yaml_char_t *tag,
        struct err *e)
{
	struct kyaml *k;
	int rc;

	if (tag)
		return bad(r, e, "a tag that is not read here");
	if (r->depth == KYAML_DEPTH_MAX)
		return err_set(e, ERR_TOO_BIG, "line %zu: deeper than %d levels", r->line,
		               KYAML_DEPTH_MAX);
	rc = new_node(r, &k, e);
	if (rc < 0)
		return rc;
	k->kind = is_map ? KYAML_MAP : KYAML_LIST;
	rc = remember(r, anchor, k, e);
	if (rc == 0)
		rc = attach(r, k, e);
	if (rc == 0)
		r->open[r->depth++] = (struct level){ .node = k };
	return rc;
}

static int
on_event(struct reader *r, const yaml_event_t *ev, struct err *e)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		return r->doc.root ? bad(r, e, "a second document") : 0;
	case YAML_ALIAS_EVENT:
		return on_alias(r, (const char *)ev->data.alias.anchor, e);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, false, ev->data.sequence_start.anchor,
		               ev->data.sequence_start.tag, e);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, true, ev->data.mapping_start.anchor, ev->data.mapping_start.tag,
		               e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->open[--r->depth].node->is_complete = true;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return bad(r, e, "an event that nobody knows");
}

/* One event; *ret_end: it was the last. */
static int
step(struct reader *r, yaml_parser_t *p, bool *ret_end, struct err *e)
{
	yaml_event_t ev;
	int rc;

	if (!yaml_parser_parse(p, &ev)) {
		/* libyaml's words name what is wrong and hold none of the text */
		r->line = p->problem_mark.line + 1;
		return bad(r, e, p->problem ? p->problem : "no YAML");
	}
	r->line = ev.start_mark.line + 1;
	rc = on_event(r, &ev, e);
	*ret_end = ev.type == YAML_STREAM_END_EVENT;
	if (ev.type == YAML_SCALAR_EVENT)
		sodium_memzero(ev.data.scalar.value, ev.data.scalar.length);
	yaml_event_delete(&ev);
	return rc;
}

int
kyaml_parse(struct str text, struct kyaml_doc *ret, struct err *e)
{
	struct reader r = { 0 };
	yaml_parser_t p;
	bool is_end = false;
	int rc = 0;

	if (!yaml_parser_initialize(&p))
		return err_set(e, ERR_SYS, "libyaml does not start");
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)(text.n ? text.p : ""), text.n);
	while (rc == 0 && !is_end)
		rc = step(&r, &p, &is_end, e);
	yaml_parser_delete(&p);
	if (rc == 0) {
		*ret = r.doc;
		r.doc = (struct kyaml_doc){ 0 };
	}
	reader_fini(&r);
	return rc;
}

const struct kyaml *
kyaml_get(const struct kyaml *m, const char *key)
{
	if (!m || m->kind != KYAML_MAP)
		return NULL;
	for (size_t i = 0; i < m->items.n; i++)
		if (streq(m->items.v[i].key, key))
			return m->items.v[i].value->is_null ? NULL : m->items.v[i].value;
	return NULL;
}

int
kyaml_bool(const struct kyaml *v, bool *ret)
{
	if (v->kind != KYAML_SCALAR || v->is_text)
		return -1;
	*ret = is_one_of(v->text, trues);
	return *ret || is_one_of(v->text, falses) ? 0 : -1;
}
