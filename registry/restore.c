/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing a log with what a pin remembers, when the log may be shorter: the pin has the roots of
 * whole subtrees and the places of what this person verified, and so tells most forks from a cut.
 * What cannot be told is called a cut.
 */
#include "registry/restore.h"

#include <string.h>

#include "crypto/merkle.h"
#include "registry/base/vec.h"
#include "registry/change.h"
#include "registry/log.h"
#include "registry/statement.h"

struct known {
	uint64_t seq;
	struct digest leaf;
};

struct looking {
	const struct pin *pin;
	struct restore_look *ret;
	struct merkle_edge edge;
	uint64_t first_tree; /* leaves of the pinned edge's largest subtree */
	VEC(struct known) known;
};

static void
know(struct looking *w, const json_t *place)
{
	struct err ignored = { 0 };
	struct known k;

	if (json_get_u64(place, "seq", "pin", &k.seq, &ignored) == 0 &&
	    json_get_digest(place, "leaf", "pin", &k.leaf, &ignored) == 0)
		vec_push(&w->known, k);
}

static void
know_all(struct looking *w, const json_t *places)
{
	const char *name;
	json_t *place;

	json_object_foreach((json_t *)(uintptr_t)places, name, place) know(w, place);
}

static void
begin(struct looking *w)
{
	const uint64_t size = w->pin->edge.size;

	if (!w->pin->exists)
		return;
	w->first_tree = (uint64_t)1 << (63 - __builtin_clzll(size));
	for (size_t i = 0; i < json_array_size(w->pin->policies); i++)
		know(w, json_array_get(w->pin->policies, i));
	know_all(w, w->pin->promotions);
	know_all(w, w->pin->targets);
	w->ret->has_pin = true;
	w->ret->pinned_size = size;
	merkle_root(&w->pin->edge, &w->ret->pinned_root);
}

static bool
root_is(const struct merkle_edge *edge, const struct digest *root)
{
	struct digest is;

	merkle_root(edge, &is);
	return digest_eq(&is, root);
}

static void
forked(struct looking *w, uint64_t within)
{
	if (!w->ret->is_forked)
		w->ret->fork_at = within;
	w->ret->is_forked = true;
}

static void
see(struct looking *w, const struct log_line *line)
{
	vec_foreach(k, &w->known)
		if (k->seq == line->seq && !digest_eq(&k->leaf, &line->leaf))
			forked(w, k->seq + 1);
	merkle_append(&w->edge, &line->leaf);
	if (!w->ret->has_pin)
		return;
	if (w->edge.size == w->first_tree && !root_is(&w->edge, &w->pin->edge.node[0]))
		forked(w, w->first_tree);
	if (w->edge.size == w->ret->pinned_size && !root_is(&w->edge, &w->ret->pinned_root))
		forked(w, w->ret->pinned_size);
}

static void
count_gone(struct looking *w, const json_t *places, const char *what)
{
	struct err ignored = { 0 };
	const char *name;
	uint64_t seq;
	json_t *place;

	json_object_foreach((json_t *)(uintptr_t)places, name, place)
	{
		if (json_get_u64(place, "seq", "pin", &seq, &ignored) < 0 || seq < w->edge.size)
			continue;
		cleanup_free char *text = xasprintf("%s%s", what, name);
		json_array_append_new(w->ret->gone, json_string(text));
	}
}

int
restore_look(struct registry *r, struct restore_look *ret, struct err *e)
{
	struct looking w = { .pin = &r->pin, .ret = ret };
	enum log_step step = LOG_LINE;
	struct log_reader *reader;
	struct log_line line;
	int rc = log_reader_new(r->log, (struct log_pos){ 1, 0 }, 0, &reader, e);

	*ret = (struct restore_look){ .gone = json_array() };
	if (rc < 0)
		return rc;
	begin(&w);
	while (rc == 0 && step == LOG_LINE) {
		rc = log_next(reader, &step, &line, e);
		if (rc == 0 && step == LOG_LINE)
			see(&w, &line);
	}
	log_reader_free(reader);
	ret->size = w.edge.size;
	merkle_root(&w.edge, &ret->root);
	if (ret->has_pin && ret->size < ret->pinned_size)
		ret->lost = ret->pinned_size - ret->size;
	if (ret->lost > 0) {
		count_gone(&w, r->pin.promotions, "");
		count_gone(&w, r->pin.targets, "target ");
	}
	vec_fini(&w.known);
	return rc;
}

void
restore_look_fini(struct restore_look *l)
{
	json_decref(l->gone);
	l->gone = NULL;
}

/* --- the entry --- */

static json_t *
body(const struct restore_look *l)
{
	json_t *const o = json_object();

	json_object_set_new(o, "size", json_integer((json_int_t)l->size));
	json_object_set_new(o, "root", json_from_digest(&l->root));
	json_object_set_new(o, "pinned",
	                    l->has_pin ? json_pack("{s:I, s:o}", "size", (json_int_t)l->pinned_size,
	                                           "root", json_from_digest(&l->pinned_root))
	                               : json_null());
	return o;
}

struct restoring {
	const struct restore_look *look;
	const struct ledger *ledger;
};

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct restoring *const w = arg;
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (a.entries != w->look->size || a.policy_seq != w->ledger->policy.seq)
		return err_set(e, ERR_CONFLICT, "the log has grown meanwhile: look again");
	*ret_body = body(w->look);
	return 0;
}

int
restore_settle(struct registry *r, struct err *e)
{
	struct identity n = r->identity;

	n.log_inode = log_inode(r->log);
	if (n.log_inode == r->identity.log_inode)
		return 0;
	r->identity = n;
	r->is_copy = false;
	return identity_write(r->rootfd, &n, false, e);
}

int
restore_predicate(const struct registry *r, const struct restore_look *look, const char *reason,
                  json_t **ret, struct err *e)
{
	json_t *predicate = body(look);

	json_object_set_new(predicate, "registry", json_string(r->id));
	if (json_object_set_new(predicate, "reason", json_from_str(str_of(reason))) < 0) {
		json_decref(predicate);
		return err_set(e, ERR_USAGE, "the reason is not UTF-8");
	}
	*ret = predicate;
	return 0;
}

int
restore_commit(struct registry *r, const struct restore_look *look, const struct ledger *l,
               struct str envelope, const char *reason, struct err *e)
{
	struct restoring w = { .look = look, .ledger = l };
	struct change_result done;
	int rc;

	const struct change c = {
		.type = "restore",
		.check = check,
		.arg = &w,
		.reason = reason,
		.statement = envelope,
	};
	rc = change_commit(r, &c, &done, e);
	return rc < 0 ? rc : restore_settle(r, e);
}
