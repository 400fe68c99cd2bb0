/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statement of OpenSSF Model Signing v1.0: the list of files, how it was made, and the root
 * digest over it in the order in which it was signed. Readers get the list sorted by path, so that
 * what is there twice, overlaps or has holes is seen here. Knows neither envelopes nor keys.
 */
#include "registry/oms.h"

#include <inttypes.h>
#include <string.h>

#include "registry/oms_private.h"

#define SHARDED        "-sharded-"
#define SHARD_SIZE_MAX ((double)(1ull << 53)) /* above, a JSON number is not exact */

static const char *const hash_names[] = {
	[OMS_SHA256] = "sha256",
	[OMS_BLAKE2B] = "blake2b",
	[OMS_BLAKE3] = "blake3",
};
static const size_t sum_sizes[] = { [OMS_SHA256] = 32, [OMS_BLAKE2B] = 64, [OMS_BLAKE3] = 32 };
static const char *const method_names[] = { [OMS_FILES] = "files", [OMS_SHARDS] = "shards" };

size_t
oms_sum_size(enum oms_hash h)
{
	return sum_sizes[h];
}

const char *
oms_hash_name(enum oms_hash h)
{
	return hash_names[h];
}

const char *
oms_method_name(enum oms_method m)
{
	return method_names[m];
}

const char *
oms_order_name(enum oms_order o)
{
	switch (o) {
	case OMS_ORDER_SPEC:
		return "spec";
	case OMS_ORDER_REFERENCE:
		return "reference";
	case OMS_ORDER_OTHER:
		break;
	}
	return "other";
}

int
oms_members_check(const json_t *o, const char *what, const char *const *names, struct err *e)
{
	json_t *mine;
	const char *key;
	json_t *value;

	memcpy(&mine, &o, sizeof(mine)); /* jansson's loop takes no const */
	json_object_foreach(mine, key, value)
	{
		size_t i = 0;

		while (names[i] && !streq(names[i], key))
			i++;
		if (!names[i])
			return err_set(e, ERR_MALFORMED, "%s: \"%.80s\" does not belong there",
			               what, key);
	}
	return 0;
}

/* --- how the list was made --- */

static int
find_name(const char *const *names, size_t n, const char *name, size_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (streq(names[i], name)) {
			*ret = i;
			return 0;
		}
	}
	return -1;
}

/* A whole number, also in the form 8192.0 that some writers give it. */
static int
parse_shard_size(const json_t *s, struct oms *o, struct err *e)
{
	const json_t *const v = json_object_get(s, "shard_size");
	const double d = json_number_value(v);

	if (o->method == OMS_FILES)
		return v ? err_set(e, ERR_MALFORMED, "serialization: \"shard_size\" without shards")
		         : 0;
	if (!json_is_number(v) || !(d >= 1 && d <= SHARD_SIZE_MAX) ||
	    (json_is_real(v) && (double)(uint64_t)d < d))
		return err_set(e, ERR_MALFORMED,
		               "serialization: \"shard_size\" is no number of bytes");
	o->shard_size = json_is_real(v) ? (uint64_t)d : (uint64_t)json_integer_value(v);
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	const char *const *const x = a;
	const char *const *const y = b;

	return strcmp(*x, *y);
}

static int
parse_ignored(const json_t *s, struct oms *o, struct err *e)
{
	const json_t *const v = json_object_get(s, "ignore_paths");
	int rc;

	if (!v)
		return 0;
	if (!json_is_array(v))
		return err_set(e, ERR_MALFORMED, "serialization: \"ignore_paths\" is not an array");
	o->has_ignored = true;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *const path = json_string_value(json_array_get(v, i));

		if (!path)
			return err_set(e, ERR_MALFORMED,
			               "serialization: \"ignore_paths\" holds no strings");
		rc = manifest_path_check(path, e);
		if (rc < 0)
			return err_prefix(e, "serialization: \"ignore_paths\"");
		vec_push(&o->ignored, xstrdup(path));
	}
	if (o->ignored.n > 1)
		qsort(o->ignored.v, o->ignored.n, sizeof(*o->ignored.v), by_text);
	return 0;
}

static int
parse_serialization(const json_t *predicate, struct oms *o, struct err *e)
{
	static const char *const members[] = { "method",         "hash_type",    "shard_size",
		                               "allow_symlinks", "ignore_paths", NULL };
	const json_t *links;
	const char *text;
	json_t *s;
	size_t at;
	int rc;

	rc = json_get_object(predicate, "serialization", "predicate", &s, e);
	if (rc == 0)
		rc = oms_members_check(s, "serialization", members, e);
	if (rc == 0)
		rc = json_get_string(s, "method", "serialization", &text, e);
	if (rc < 0)
		return rc;
	if (find_name(method_names, COUNT(method_names), text, &at) < 0)
		return err_set(e, ERR_MALFORMED, "serialization: method \"%.80s\"", text);
	o->method = (enum oms_method)at;
	rc = json_get_string(s, "hash_type", "serialization", &text, e);
	if (rc < 0)
		return rc;
	if (find_name(hash_names, COUNT(hash_names), text, &at) < 0)
		return err_set(e, ERR_MALFORMED, "serialization: hash \"%.80s\"", text);
	o->hash = (enum oms_hash)at;
	links = json_object_get(s, "allow_symlinks");
	if (!json_is_boolean(links))
		return err_set(e, ERR_MALFORMED,
		               "serialization: \"allow_symlinks\" is not true or false");
	o->allows_links = json_is_true(links);
	rc = parse_shard_size(s, o, e);
	return rc < 0 ? rc : parse_ignored(s, o, e);
}

/* --- the list --- */

/* hash, or in a list of shards also HASH-sharded-SIZE as the reference implementation writes. */
static bool
is_algorithm(const struct oms *o, const char *text)
{
	const char *const hash = hash_names[o->hash];
	const size_t n = strlen(hash);
	uint64_t size;

	if (streq(text, hash))
		return true;
	return o->method == OMS_SHARDS && strncmp(text, hash, n) == 0 &&
	       has_prefix(text + n, SHARDED) &&
	       parse_u64(text + n + strlen(SHARDED), UINT64_MAX, &size) == 0 &&
	       size == o->shard_size;
}

static int
parse_sum(const struct oms *o, const char *hex, struct oms_resource *r)
{
	const size_t n = oms_sum_size(o->hash);

	if (strlen(hex) != 2 * n)
		return -1;
	for (size_t at = 0; at < n; at += DIGEST_SIZE) {
		struct digest d;

		if (digest_parse(&d, hex + 2 * at, DIGEST_HEX_SIZE - 1) < 0)
			return -1;
		memcpy(r->sum + at, d.b, DIGEST_SIZE);
	}
	return 0;
}

/* "path:start:end", the numbers from the right: a path may hold colons. */
static int
split_shard(const char *name, uint64_t shard_size, struct oms_resource *r)
{
	const char *const second = strrchr(name, ':');
	const char *const first = second ? memrchr(name, ':', (size_t)(second - name)) : NULL;

	if (!first ||
	    parse_u64_n(first + 1, (size_t)(second - first - 1), INT64_MAX, &r->start) < 0 ||
	    parse_u64(second + 1, INT64_MAX, &r->end) < 0)
		return -1;
	if (r->end <= r->start || r->end - r->start > shard_size || r->start % shard_size != 0)
		return -1;
	r->path = xstrndup(name, (size_t)(first - name));
	return 0;
}

static int
parse_name(const struct oms *o, const char *name, struct oms_resource *r, struct err *e)
{
	if (o->method == OMS_FILES)
		r->path = xstrdup(name);
	else if (split_shard(name, o->shard_size, r) < 0)
		return err_set(e, ERR_MALFORMED, "resource \"%.80s\" is no shard of a file", name);
	if (streq(r->path, "."))
		return 0;
	return manifest_path_check(r->path, e);
}

static int
parse_resource(const struct oms *o, const json_t *j, struct oms_resource *r, const char **ret_name,
               struct err *e)
{
	const char *text;
	int rc;

	rc = json_get_string(j, "name", "resource", ret_name, e);
	if (rc == 0)
		rc = json_get_string(j, "algorithm", "resource", &text, e);
	if (rc < 0)
		return rc;
	if (!is_algorithm(o, text))
		return err_set(e, ERR_MALFORMED, "resource \"%.80s\": algorithm \"%.80s\"",
		               *ret_name, text);
	rc = json_get_string(j, "digest", "resource", &text, e);
	if (rc < 0)
		return rc;
	if (parse_sum(o, text, r) < 0)
		return err_set(e, ERR_MALFORMED, "resource \"%.80s\": the digest is no %s",
		               *ret_name, hash_names[o->hash]);
	return parse_name(o, *ret_name, r, e);
}

/* As the reference implementation compares: part by part, then by number. */
static int
reference_order(const struct oms_resource *a, const struct oms_resource *b)
{
	const char *x = a->path;
	const char *y = b->path;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (*x != *y) {
		const unsigned char p = *x == '/' ? 1 : (unsigned char)*x;
		const unsigned char q = *y == '/' ? 1 : (unsigned char)*y;

		return p < q ? -1 : 1;
	}
	return a->start < b->start ? -1 : a->start > b->start;
}

static int
parse_resources(const json_t *list, struct oms *o, struct err *e)
{
	struct hasher *const h = hasher_new();
	bool is_spec = true;
	bool is_reference = true;
	const char *before = NULL;
	int rc = 0;

	if (!h)
		return err_set(e, ERR_SYS, "not enough memory for a digest");
	for (size_t i = 0; i < json_array_size(list) && rc == 0; i++) {
		struct oms_resource r = { 0 };
		const char *name;

		rc = parse_resource(o, json_array_get(list, i), &r, &name, e);
		if (rc == 0) {
			hasher_update(h, r.sum, oms_sum_size(o->hash));
			is_spec = is_spec && (!before || strcmp(before, name) < 0);
			is_reference = is_reference &&
			               (i == 0 || reference_order(&o->resources.v[i - 1], &r) < 0);
			before = name;
		}
		vec_push(&o->resources, r); /* after a failure too, for oms_fini */
	}
	hasher_final(h, &o->root);
	hasher_free(h);
	o->order = is_spec ? OMS_ORDER_SPEC : is_reference ? OMS_ORDER_REFERENCE : OMS_ORDER_OTHER;
	return rc;
}

static int
by_path(const void *a, const void *b)
{
	const struct oms_resource *const x = a;
	const struct oms_resource *const y = b;
	const int c = strcmp(x->path, y->path);

	if (c != 0)
		return c;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Each file once, each shard where the one before it ended, and only the last one short. */
static int
check_neighbours(const struct oms *o, const struct oms_resource *a, const struct oms_resource *r,
                 struct err *e)
{
	const bool is_same = a && streq(a->path, r->path);

	if (o->method == OMS_FILES)
		return !is_same ? 0
		                : err_set(e, ERR_MALFORMED, "resource \"%s\" is there twice",
		                          r->path);
	if (r->start != (is_same ? a->end : 0)) /* where only whole shards end, see split_shard */
		return err_set(e, ERR_MALFORMED, "the shards of \"%s\" do not follow each other",
		               r->path);
	return 0;
}

static int
check_resources(struct oms *o, struct err *e)
{
	const struct oms_resource *first;
	const struct oms_resource *last;
	int rc;

	if (o->resources.n == 0)
		return err_set(e, ERR_MALFORMED, "predicate: no resources");
	if (o->resources.n > 1)
		qsort(o->resources.v, o->resources.n, sizeof(*o->resources.v), by_path);
	first = o->resources.v;
	last = first + o->resources.n - 1;
	for (const struct oms_resource *r = first; r <= last; r++) {
		rc = check_neighbours(o, r > first ? r - 1 : NULL, r, e);
		if (rc < 0)
			return rc;
		if (streq(r->path, ".") && (!streq(first->path, ".") || !streq(last->path, ".")))
			return err_set(e, ERR_MALFORMED, "resource \".\" is not the only one");
		if (oms_ignores(o, r->path))
			return err_set(e, ERR_MALFORMED, "resource \"%s\" is also ignored",
			               r->path);
	}
	return 0;
}

bool
oms_ignores(const struct oms *o, const char *path)
{
	for (size_t n = strcspn(path, "/");; n += strcspn(path + n + 1, "/") + 1) {
		cleanup_free char *part = xstrndup(path, n);
		const char *const key = part;

		if (o->ignored.n > 0 &&
		    bsearch(&key, o->ignored.v, o->ignored.n, sizeof(*o->ignored.v), by_text))
			return true;
		if (path[n] == '\0')
			return !o->has_ignored && manifest_oms_ignores(path);
	}
}

/* --- the statement --- */

/* The one subject: its name is for people, its digest is the root. */
static int
parse_subject(const json_t *j, struct oms *o, struct digest *ret, struct err *e)
{
	const char *text;
	json_t *subjects;
	json_t *digests;
	int rc;

	rc = json_get_array(j, "subject", "statement", &subjects, e);
	if (rc < 0)
		return rc;
	if (json_array_size(subjects) != 1)
		return err_set(e, ERR_MALFORMED, "statement: %zu subjects where one belongs",
		               json_array_size(subjects));
	text = json_opt_string(json_array_get(subjects, 0), "name");
	o->subject = xstrdup(text ? text : "");
	rc = json_get_object(json_array_get(subjects, 0), "digest", "statement: subject", &digests,
	                     e);
	if (rc == 0)
		rc = json_get_string(digests, "sha256", "statement: subject", &text, e);
	if (rc < 0)
		return rc;
	if (digest_parse(ret, text, strlen(text)) < 0)
		return err_set(e, ERR_MALFORMED,
		               "statement: the subject's sha256 is not 64 hex digits");
	return 0;
}

static int
check_type(const json_t *j, const char *member, const char *wanted, struct err *e)
{
	const char *text;
	const int rc = json_get_string(j, member, "statement", &text, e);

	if (rc < 0)
		return rc;
	if (!streq(text, wanted))
		return err_set(e, ERR_MALFORMED, "statement: \"%s\" is \"%.80s\"", member, text);
	return 0;
}

int
oms_statement_parse(struct str payload, struct oms *ret, struct err *e)
{
	static const char *const members[] = { "resources", "serialization", NULL };
	cleanup_json json_t *j = NULL;
	struct digest root;
	json_t *predicate;
	json_t *list;
	int rc;

	rc = json_parse(payload, "statement", &j, e);
	if (rc == 0)
		rc = check_type(j, "_type", OMS_STATEMENT_TYPE, e);
	if (rc == 0)
		rc = check_type(j, "predicateType", OMS_PREDICATE_TYPE, e);
	if (rc == 0)
		rc = parse_subject(j, ret, &root, e);
	if (rc == 0)
		rc = json_get_object(j, "predicate", "statement", &predicate, e);
	if (rc == 0)
		rc = oms_members_check(predicate, "predicate", members, e);
	if (rc == 0)
		rc = parse_serialization(predicate, ret, e);
	if (rc == 0)
		rc = json_get_array(predicate, "resources", "predicate", &list, e);
	if (rc == 0)
		rc = parse_resources(list, ret, e);
	if (rc == 0)
		rc = check_resources(ret, e);
	if (rc == 0 && !digest_eq(&root, &ret->root))
		rc = err_set(e, ERR_DIGEST,
		             "statement: the root digest is not that of the resources");
	return rc;
}

/* --- writing --- */

static json_t *
or_abort(json_t *j)
{
	if (!j)
		abort(); /* memory, or a name of ours that is not UTF-8 */
	return j;
}

static json_t *
write_resources(const struct manifest *m)
{
	json_t *const list = or_abort(json_array());

	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_file *const f = &m->files[i];
		char hex[DIGEST_HEX_SIZE];

		if (manifest_oms_ignores(f->path))
			continue;
		digest_hex(&f->digest, hex);
		if (json_array_append_new(list, or_abort(json_pack("{s:s, s:s, s:s}", "algorithm",
		                                                   hash_names[OMS_SHA256], "digest",
		                                                   hex, "name", f->path))) < 0)
			abort();
	}
	return list;
}

int
oms_statement_write(const struct manifest *m, const char *subject, struct buf *ret, struct err *e)
{
	json_t *const list = write_resources(m);
	cleanup_json json_t *j = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct digest root;

	if (json_array_size(list) == 0) {
		json_decref(list);
		return err_set(e, ERR_USAGE,
		               "every file of the version is one that OMS documents "
		               "leave out");
	}
	manifest_oms_root(m, &root);
	digest_hex(&root, hex);
	j = or_abort(json_pack("{s:s, s:s, s:{s:o, s:{s:b, s:s, s:[s,s,s,s], s:s}}, s:[{s:s, "
	                       "s:{s:s}}]}",
	                       "_type", OMS_STATEMENT_TYPE, "predicateType", OMS_PREDICATE_TYPE,
	                       "predicate", "resources", list, "serialization", "allow_symlinks", 0,
	                       "hash_type", hash_names[OMS_SHA256], "ignore_paths", ".git",
	                       ".gitattributes", ".github", ".gitignore", "method",
	                       method_names[OMS_FILES], "subject", "name", subject, "digest",
	                       "sha256", hex));
	json_canonical(j, ret);
	return 0;
}
