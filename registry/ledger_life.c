/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which versions were taken out of use, as signed entries say: seen while the log is read, kept in
 * the pin, and asked before anything is decided. A version is model, number and digest at once, so
 * that nothing said about other bytes or another number stands in the way of a later word; revoked
 * bytes are remembered under the model too, whatever number they come back with.
 */
#include "registry/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "registry/evidence.h"
#include "registry/statement.h"

static char *
version_key(const char *model, uint64_t number, const struct digest *version)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(version, hex);
	return xasprintf("%s %" PRIu64 " %s", model, number, hex);
}

static char *
bytes_key(const char *model, const struct digest *version)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(version, hex);
	return xasprintf("%s %s", model, hex);
}

static int
life_parse(const json_t *o, enum lifecycle *ret, struct err *e)
{
	const char *life;
	int rc = json_get_string(o, "life", "pin", &life, e);

	for (int i = LIFE_LIVE; rc == 0 && i <= LIFE_DELETED; i++)
		if (streq(life, lifecycle_name((enum lifecycle)i))) {
			*ret = (enum lifecycle)i;
			return 0;
		}
	return rc < 0 ? rc : err_set(e, ERR_MALFORMED, "pin: an unknown lifecycle");
}

static int
place_read(const json_t *item, const char *key, struct life_place *ret, struct err *e)
{
	json_t *o;
	int rc;

	if (!json_object_get(item, key))
		return 0;
	rc = json_get_object(item, key, "pin", &o, e);
	if (rc == 0)
		rc = json_get_u64(o, "seq", "pin", &ret->seq, e);
	if (rc == 0)
		rc = json_get_digest(o, "leaf", "pin", &ret->leaf, e);
	return rc;
}

static int
standing_read(const json_t *item, struct standing *ret, struct err *e)
{
	int rc = life_parse(item, &ret->state.life, e);

	if (rc == 0)
		rc = json_get_digest(item, "leaf", "pin", &ret->state.leaf, e);
	if (rc == 0)
		rc = place_read(item, "at", &ret->at, e);
	if (rc == 0)
		rc = place_read(item, "hold", &ret->hold, e);
	ret->state.is_held = ret->hold.seq > 0;
	ret->state.was_revoked = json_is_true(json_object_get(item, "revoked"));
	return rc;
}

static int
own_standing(const struct ledger *l, const char *model, uint64_t number,
             const struct digest *version, struct standing *ret, struct err *e)
{
	cleanup_free char *key = version_key(model, number, version);
	const json_t *const item = json_object_get(l->next_pin.withdrawn, key);

	*ret = (struct standing){ 0 };
	return item ? standing_read(item, ret, e) : 0;
}

int
ledger_standing(const struct ledger *l, const char *model, uint64_t number,
                const struct digest *version, struct standing *ret, struct err *e)
{
	cleanup_free char *key = bytes_key(model, version);
	const json_t *const revoked = json_object_get(l->next_pin.withdrawn, key);
	int rc = own_standing(l, model, number, version, ret, e);

	if (rc < 0 || !revoked || ret->state.life == LIFE_REVOKED ||
	    ret->state.life == LIFE_DELETED)
		return rc;
	ret->state.life = LIFE_REVOKED;
	ret->state.was_revoked = true;
	return place_read(revoked, "at", &ret->at, e);
}

/* --- while the log is read --- */

static json_t *
place_json(const struct life_place *p)
{
	return json_pack("{s:o, s:I}", "leaf", json_from_digest(&p->leaf), "seq",
	                 (json_int_t)p->seq);
}

static json_t *
standing_json(const struct standing *s)
{
	json_t *o = json_pack("{s:s, s:o}", "life", lifecycle_name(s->state.life), "leaf",
	                      json_from_digest(&s->state.leaf));

	if (s->state.life != LIFE_LIVE)
		json_object_set_new(o, "at", place_json(&s->at));
	if (s->state.is_held)
		json_object_set_new(o, "hold", place_json(&s->hold));
	if (s->state.was_revoked)
		json_object_set_new(o, "revoked", json_true());
	return o;
}

int
evidence_life(struct registry *r, struct ledger *l, const struct entry *n, struct err *e)
{
	const struct authority a = { .policy = &l->policy, .registry_id = r->id };
	const struct life_place here = { .seq = n->seq, .leaf = n->leaf };
	cleanup_free char *key = NULL, *bytes = NULL;
	struct life_claim c;
	struct standing s;
	int rc = authority_lifecycle(&a, n, &c, e);

	if (rc == 0)
		rc = own_standing(l, n->model, c.number, &c.version, &s, e);
	if (rc == 0)
		rc = life_step(&s.state, &c, &n->leaf, e);
	if (rc < 0)
		return rc;
	if (c.action == ACTION_HOLD)
		s.hold = here;
	else if (c.action != ACTION_RELEASE)
		s.at = here;
	key = version_key(n->model, c.number, &c.version);
	json_object_set_new(l->next_pin.withdrawn, key, standing_json(&s));
	if (c.action != ACTION_REVOKE)
		return 0;
	bytes = bytes_key(n->model, &c.version);
	json_object_set_new(l->next_pin.withdrawn, bytes,
	                    json_pack("{s:o}", "at", place_json(&here)));
	return 0;
}

/* --- refusing --- */

static const char *
person_of(const struct ledger *l, const char *key_id)
{
	for (size_t i = 0; i < l->policy.people_n; i++)
		for (size_t k = 0; k < l->policy.people[i].keys_n; k++)
			if (streq(l->policy.people[i].keys[k].id, key_id))
				return l->policy.people[i].id;
	return key_id;
}

/* "log entry 17, by ana: why"; for people. */
static void
say_who(struct registry *r, const struct ledger *l, const struct life_place *at, struct buf *ret)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement s = { 0 };
	struct err ignored = { 0 };
	struct entry n;

	buf_addf(ret, "log entry %" PRIu64, at->seq);
	if (evidence_entry(r, at->seq, &at->leaf, &n, &ignored) < 0)
		return;
	if (authority_envelope(&n, &envelope, &ignored) == 0 &&
	    statement_peek(buf_str(&envelope), &s, &ignored) == 0)
		buf_addf(ret, ", by %s", person_of(l, s.key_id));
	if (n.reason)
		buf_addf(ret, ": %s", n.reason);
	statement_fini(&s);
	entry_fini(&n);
}

static int
hint_of(enum lifecycle life, const char *model, uint64_t number, struct err *e)
{
	if (life == LIFE_RETIRED)
		return err_hint(e, "slipway retire --undo %.200s@v%" PRIu64 " brings it back",
		                model, number);
	return err_hint(e, "choose another version: slipway list %.200s", model);
}

int
ledger_refuse_withdrawn(struct registry *r, const struct ledger *l, const char *model,
                        uint64_t number, const struct standing *s, struct err *e)
{
	cleanup_buf struct buf who = { 0 };

	if (s->state.life == LIFE_LIVE)
		return 0;
	say_who(r, l, &s->at, &who);
	err_set(e, ERR_POLICY, "%s@v%" PRIu64 " is %s (%.300s)", model, number,
	        lifecycle_name(s->state.life), buf_cstr(&who));
	return hint_of(s->state.life, model, number, e);
}

int
ledger_refuse_held(struct registry *r, const struct ledger *l, const char *model, uint64_t number,
                   const struct standing *s, struct err *e)
{
	cleanup_buf struct buf who = { 0 };

	if (!s->state.is_held)
		return 0;
	say_who(r, l, &s->hold, &who);
	err_set(e, ERR_POLICY, "%s@v%" PRIu64 " is held (%.300s)", model, number, buf_cstr(&who));
	return err_hint(e, "slipway release %.200s@v%" PRIu64 ", if that is over", model, number);
}
