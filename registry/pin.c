/* SPDX-License-Identifier: Apache-2.0 */
/* Pins: one JSON file a registry path, replaced whole. The file is this person's; nobody else's
 * counts. */
#include "registry/pin.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define PIN_MAX    (16u << 20)
/* 1 had no number, and no "withdrawn"; 2 no "jobs"; 3 no "evidence"; 4 no "bundles" */
#define PIN_FORMAT 5

static int
pin_path(const char *registry_dir, char **ret, struct err *e)
{
	cleanup_free char *state = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct digest d;
	int rc = fs_state_dir(&state, e);

	if (rc < 0)
		return rc;
	digest_small(registry_dir, strlen(registry_dir), &d);
	digest_hex(&d, hex);
	*ret = xasprintf("%s/pins/%s.json", state, hex);
	return 0;
}

static int
edge_read(const json_t *o, struct merkle_edge *ret, struct err *e)
{
	json_t *edge, *word;
	size_t i;
	int rc = json_get_u64(o, "size", "pin", &ret->size, e);

	if (rc == 0)
		rc = json_get_array(o, "edge", "pin", &edge, e);
	if (rc < 0)
		return rc;
	if (json_array_size(edge) != merkle_edge_count(ret))
		return err_set(e, ERR_MALFORMED, "pin: an edge that does not fit its size");
	json_array_foreach(edge, i,
	                   word) if (!json_is_string(word) ||
	                             digest_parse(&ret->node[i], json_string_value(word),
	                                          json_string_length(word)) <
	                                     0) return err_set(e, ERR_MALFORMED,
	                                                       "pin: an edge that is no digest");
	return 0;
}

static int
last_read(const json_t *o, struct pin *p, struct err *e)
{
	uint64_t segment, length;
	int rc = json_get_u64(o, "segment", "pin", &segment, e);

	if (rc == 0)
		rc = json_get_u64(o, "offset", "pin", &p->last_at.offset, e);
	if (rc == 0)
		rc = json_get_u64(o, "length", "pin", &length, e);
	if (rc == 0)
		rc = json_get_digest(o, "leaf", "pin", &p->last_leaf, e);
	if (rc < 0)
		return rc;
	p->last_at.segment = (uint32_t)segment;
	p->last_length = (uint32_t)length;
	p->end = (struct log_pos){ p->last_at.segment, p->last_at.offset + length };
	return 0;
}

static int
later_read(const json_t *o, struct pin *p, struct err *e)
{
	json_t *withdrawn, *jobs, *evidence, *bundles;
	uint64_t format;
	int rc;

	if (!json_object_get(o, "format"))
		return 0;
	rc = json_get_u64(o, "format", "pin", &format, e);
	if (rc == 0 && format < PIN_FORMAT)
		return 0;
	if (rc == 0 && format != PIN_FORMAT)
		rc = err_set(e, ERR_MALFORMED, "pin: format %" PRIu64 ", made by a newer slipway",
		             format);
	if (rc == 0)
		rc = json_get_object(o, "withdrawn", "pin", &withdrawn, e);
	if (rc == 0)
		rc = json_get_object(o, "jobs", "pin", &jobs, e);
	if (rc == 0)
		rc = json_get_object(o, "evidence", "pin", &evidence, e);
	if (rc == 0)
		rc = json_get_object(o, "bundles", "pin", &bundles, e);
	if (rc < 0)
		return rc;
	p->withdrawn = json_incref(withdrawn);
	p->jobs = json_incref(jobs);
	p->evidence = json_incref(evidence);
	p->bundles = json_incref(bundles);
	return 0;
}

static int
pin_read(const json_t *o, struct pin *p, struct err *e)
{
	const char *id;
	json_t *last, *policies, *promotions, *targets;
	int rc = json_get_string(o, "registry", "pin", &id, e);

	if (rc == 0)
		rc = edge_read(o, &p->edge, e);
	if (rc == 0)
		rc = json_get_object(o, "last", "pin", &last, e);
	if (rc == 0)
		rc = last_read(last, p, e);
	if (rc == 0)
		rc = json_get_array(o, "policies", "pin", &policies, e);
	if (rc == 0)
		rc = json_get_object(o, "promotions", "pin", &promotions, e);
	if (rc == 0)
		rc = json_get_object(o, "targets", "pin", &targets, e);
	if (rc < 0)
		return rc;
	if (str_copy(p->id, sizeof p->id, id) < 0 || p->edge.size == 0 ||
	    json_array_size(policies) == 0)
		return err_set(e, ERR_MALFORMED, "pin: no registry id or nothing pinned");
	rc = later_read(o, p, e);
	if (rc < 0)
		return rc;
	p->policies = json_incref(policies);
	p->promotions = json_incref(promotions);
	p->targets = json_incref(targets);
	p->exists = true;
	return 0;
}

/* SLIPWAY_PIN=<id>:<size>:<root> */
static int
bound_read(struct pin *p, struct err *e)
{
	const char *text = getenv("SLIPWAY_PIN"), *size, *root;

	if (!text || !*text)
		return 0;
	size = strchr(text, ':');
	root = size ? strchr(size + 1, ':') : NULL;
	if (!root || size - text != 32 ||
	    parse_u64_n(size + 1, (size_t)(root - size - 1), INT64_MAX, &p->bound_size) < 0 ||
	    digest_parse(&p->bound_root, root + 1, strlen(root + 1)) < 0) {
		err_set(e, ERR_USAGE, "SLIPWAY_PIN is not <registry id>:<size>:<root>");
		return err_hint(e, "`slipway check` prints it");
	}
	if (!p->exists)
		memcpy(p->id, text, 32);
	else if (strncmp(p->id, text, 32) != 0)
		return err_set(e, ERR_DIGEST,
		               "SLIPWAY_PIN is of another registry than the one seen here before");
	p->has_bound = true;
	return 0;
}

static int
load(const char *path, struct pin *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	int rc;

	rc = fs_read_at(AT_FDCWD, path, PIN_MAX, &text, e);
	if (rc < 0 && access(path, F_OK) < 0) {
		err_clear(e);
		return bound_read(ret, e);
	}
	if (rc == 0)
		rc = json_parse(buf_str(&text), "pin", &o, e);
	if (rc == 0)
		rc = pin_read(o, ret, e);
	if (rc < 0) {
		pin_fini(ret);
		err_prefix(e, "read %s", path);
		return err_hint(e, "it remembers what you have seen of this registry; remove it "
		                   "only if you know why");
	}
	return bound_read(ret, e);
}

int
pin_load(const char *registry_dir, struct pin *ret, struct err *e)
{
	cleanup_free char *path = NULL;
	int rc;

	*ret = (struct pin){ 0 };
	rc = pin_path(registry_dir, &path, e);
	return rc < 0 ? rc : load(path, ret, e);
}

int
pin_look(const char *registry_dir, struct pin *ret, struct err *e)
{
	cleanup_free char *path = NULL;

	*ret = (struct pin){ 0 };
	if (pin_path(registry_dir, &path, e) == 0)
		return load(path, ret, e);
	err_clear(e);
	return bound_read(ret, e);
}

static json_t *
pin_json(const struct pin *p)
{
	json_t *o = json_object(), *edge = json_array(), *last = json_object();
	char hex[DIGEST_HEX_SIZE];

	for (unsigned i = 0; i < merkle_edge_count(&p->edge); i++) {
		digest_hex(&p->edge.node[i], hex);
		json_array_append_new(edge, json_string(hex));
	}
	json_object_set_new(last, "segment", json_integer((json_int_t)p->last_at.segment));
	json_object_set_new(last, "offset", json_integer((json_int_t)p->last_at.offset));
	json_object_set_new(last, "length", json_integer((json_int_t)p->last_length));
	json_object_set_new(last, "leaf", json_from_digest(&p->last_leaf));
	json_object_set_new(o, "format", json_integer(PIN_FORMAT));
	json_object_set_new(o, "registry", json_string(p->id));
	json_object_set_new(o, "size", json_integer((json_int_t)p->edge.size));
	json_object_set_new(o, "edge", edge);
	json_object_set_new(o, "last", last);
	json_object_set(o, "policies", p->policies);
	json_object_set(o, "promotions", p->promotions);
	json_object_set(o, "targets", p->targets);
	json_object_set(o, "withdrawn", p->withdrawn);
	json_object_set(o, "jobs", p->jobs);
	json_object_set(o, "evidence", p->evidence);
	json_object_set(o, "bundles", p->bundles);
	return o;
}

int
pin_save(const char *registry_dir, const struct pin *p, struct err *e)
{
	cleanup_json json_t *o = pin_json(p);
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = NULL, *dir = NULL;
	int rc = pin_path(registry_dir, &path, e);

	if (rc < 0)
		return rc;
	dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	rc = fs_mkdirs(dir, 0700, e);
	if (rc < 0)
		return rc;
	json_canonical(o, &text);
	buf_addc(&text, '\n');
	return fs_write_at(AT_FDCWD, path, text.p, text.n, 0600, e);
}

void
pin_fini(struct pin *p)
{
	json_decref(p->policies);
	json_decref(p->promotions);
	json_decref(p->targets);
	json_decref(p->withdrawn);
	json_decref(p->jobs);
	json_decref(p->evidence);
	json_decref(p->bundles);
	*p = (struct pin){ 0 };
}

int
pin_check(const struct pin *p, const char *registry_id, struct log *l, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	struct log_line line;
	struct err inner = { 0 };

	if ((p->exists || p->has_bound) && !streq(p->id, registry_id)) {
		err_set(e, ERR_DIGEST,
		        "this is another registry than the one seen here before (%s, was %s)",
		        registry_id, p->id);
		return err_hint(e, "the folder was replaced, or adopted. If that is right, remove "
		                   "its pin: the file below pins/ in your state folder");
	}
	if (!p->exists)
		return 0;
	if (log_read_at(l, p->last_at, p->last_length, &b, &line, &inner) < 0 ||
	    line.seq != p->edge.size - 1 || !digest_eq(&line.leaf, &p->last_leaf)) {
		err_set(e, ERR_DIGEST,
		        "the log differs from what you have seen: entry %" PRIu64
		        " is missing or changed",
		        p->edge.size - 1);
		return err_hint(e, "it was cut or rewritten since. If a backup was put back on "
		                   "purpose: slipway audit accept-restore --reason TEXT; else put "
		                   "the log back and ask who did that");
	}
	return 0;
}
