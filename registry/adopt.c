/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adoption. registry.json is changed first and put back when the entry cannot be logged: a crash
 * between leaves a folder that says so, and that is adopted again. The copied database is not
 * believed.
 */
#include "registry/adopt.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>

#include "crypto/merkle.h"
#include "registry/base/clock.h"
#include "registry/change.h"
#include "registry/entry.h"
#include "registry/fault.h"
#include "registry/log.h"
#include "registry/records.h"

static void
see_line(const struct registry *r, const struct log_line *line, struct adopt_state *s,
         bool *has_policy)
{
	struct adoption_claim c;
	struct err ignored = { 0 };
	struct entry n;

	if (entry_parse(line->json, line->seq, &line->leaf, &n, &ignored) < 0)
		return;
	if (streq(n.type, "policy"))
		*has_policy = true;
	if (streq(n.type, "adoption") && adoption_claim(&n, &c, &ignored) == 0 &&
	    identity_has(&r->identity, s->incarnation + 1, c.id)) {
		s->incarnation++;
		*has_policy = false;
	}
	entry_fini(&n);
}

int
adopt_look(struct registry *r, struct adopt_state *ret, struct err *e)
{
	struct merkle_edge edge = { 0 };
	struct log_reader *reader;
	enum log_step step = LOG_LINE;
	bool has_policy = false;
	struct log_line line;
	int rc = log_reader_new(r->log, (struct log_pos){ 1, 0 }, 0, &reader, e);

	*ret = (struct adopt_state){ 0 };
	if (rc < 0)
		return rc;
	while (rc == 0 && step == LOG_LINE) {
		rc = log_next(reader, &step, &line, e);
		if (rc < 0 || step != LOG_LINE)
			break;
		merkle_append(&edge, &line.leaf);
		see_line(r, &line, ret, &has_policy);
	}
	log_reader_free(reader);
	ret->size = edge.size;
	merkle_root(&edge, &ret->root);
	ret->is_at_home = !r->is_copy && has_policy && ret->incarnation + 1 == r->identity.ids_n;
	return rc;
}

/* What the log has reached; an adoption that was not finished is given up. */
static struct identity
reached(const struct registry *r, const struct adopt_state *s)
{
	struct identity n = r->identity;

	n.ids_n = s->incarnation + 1;
	memcpy(n.id, n.ids[s->incarnation], sizeof n.id);
	return n;
}

int
adopt_new_id(const struct registry *r, const struct adopt_state *s, struct identity *ret,
             struct err *e)
{
	*ret = reached(r, s);
	ret->log_inode = log_inode(r->log);
	return identity_renew(ret, clock_now_s(), e);
}

static void
use_identity(struct registry *r, const struct identity *n)
{
	r->identity = *n;
	memcpy(r->id, n->id, sizeof r->id);
	r->created_s = n->created_s;
}

struct adopting {
	const struct adopt_state *state;
	const struct identity *fresh;
	const char *previous_id;
};

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct adopting *const w = arg;
	char created[CLOCK_TEXT_SIZE];
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (a.entries != w->state->size)
		return err_set(e, ERR_CONFLICT, "the log has grown meanwhile: somebody works here");
	clock_text(created, w->fresh->created_s);
	*ret_body = json_pack("{s:s, s:i, s:s, s:{s:s, s:I, s:o}}", "created", created, "format",
	                      REGISTRY_FORMAT, "id", w->fresh->id, "previous", "id", w->previous_id,
	                      "size", (json_int_t)w->state->size, "root",
	                      json_from_digest(&w->state->root));
	return 0;
}

static int
log_it(struct registry *r, struct adopting *w, const char *reason, struct err *e)
{
	const struct change c = { .type = "adoption", .check = check, .arg = w, .reason = reason };
	struct change_result done;
	int rc = identity_write(r->rootfd, w->fresh, false, e);

	fault_point("adopt-identity");
	if (rc < 0)
		return rc;
	use_identity(r, w->fresh);
	rc = registry_open_db(r, e);
	return rc < 0 ? rc : change_commit(r, &c, &done, e);
}

int
adopt_commit(struct registry *r, const struct adopt_state *s, const struct identity *fresh,
             const char *reason, struct err *e)
{
	const struct identity as_found = r->identity, before = reached(r, s);
	struct adopting w = { .state = s, .fresh = fresh, .previous_id = before.id };
	struct err ignored = { 0 };
	int rc;

	if (flock(r->rootfd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_set(e, ERR_LOCKED, "somebody is just adopting it")
		                            : err_sys(e, "lock registry \"%s\"", r->dir);
	use_identity(r, &before);
	rc = change_rebuild(r, NULL, e);
	if (rc < 0)
		return rc;
	rc = log_it(r, &w, reason, e);
	if (rc < 0)
		(void)identity_write(r->rootfd, &as_found, false, &ignored);
	return rc;
}
