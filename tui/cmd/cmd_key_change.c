/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key trust, revoke, rotate: changes of the policy that are about keys. Who is not root is told
 * what root must type. What a revoked key signed is counted from the log, so that whoever revokes
 * one from an earlier place knows what stops to count.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/history.h"
#include "registry/near.h"
#include "registry/policy_edit.h"
#include "tui/cmd/key.h"
#include "tui/cmd/policy_change.h"

/* --- trust --- */

/* A file that is there, else a key of this person's. */
static int
find_public(const char *text, struct public_key *ret, struct err *e)
{
	struct own_key own;
	int rc;

	if (access(text, F_OK) == 0)
		return key_read_public(text, ret, e);
	rc = own_key_find(text, &own, e);
	if (rc == 0)
		*ret = own.item.pub;
	return rc;
}

static int
trust_key(struct policy_change *c, const struct args *in, struct err *e)
{
	const char *person = arg_value(in, "--person");
	char self[SIGNER_SIZE];
	struct public_key key;
	unsigned roles;
	int rc = policy_change_roles(in, &roles, e);

	if (rc == 0)
		rc = find_public(in->pos[0], &key, e);
	if (rc == 0 && !person)
		rc = policy_change_self(c, self, e);
	return rc < 0 ? rc : policy_edit_add(c->doc, person ? person : self, &key, roles, e);
}

/* --- revoke --- */

static int
read_from(const struct args *in, uint64_t size, uint64_t *ret, struct err *e)
{
	const char *const text = arg_value(in, "--from");

	*ret = size;
	if (!text || streq(text, "now"))
		return 0;
	if (parse_u64(text, size, ret) < 0) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is no place in the log for --from", text);
		return err_hint(e,
		                "now, or the number of an entry up to %" PRIu64
		                ": see `slipway audit list`",
		                size);
	}
	return 0;
}

/* Keys that are meant: a person's all, or one by its fingerprint, also one that is revoked from a
 * later place on already. */
static size_t
keys_meant(const struct policy *p, const char *text, struct public_key ret[POLICY_KEYS_MAX])
{
	const struct policy_person *const who = policy_person_named(p, text);
	size_t n = 0;

	for (size_t i = 0; who && i < who->keys_n; i++)
		ret[n++] = who->keys[i].key;
	for (size_t i = 0; i < p->people_n && n == 0; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			if (streq(p->people[i].keys[k].id, text))
				ret[n++] = p->people[i].keys[k].key;
	for (size_t i = 0; i < p->revoked_n && n == 0; i++)
		if (streq(p->revoked[i].key.id, text))
			ret[n++] = p->revoked[i].key.key;
	return n;
}

static int
not_known(const struct policy *p, const char *text, struct err *e)
{
	struct near near = { .wanted = text };
	char names[200];

	for (size_t i = 0; i < p->people_n; i++)
		near_offer(&near, p->people[i].id);
	(void)err_set(e, ERR_NOT_FOUND, "\"%s\" is neither a person nor a key of the policy", text);
	if (near_text(&near, names, sizeof names))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "`slipway policy show` has names and fingerprints (SHA256:...)");
}

static bool
is_by(const struct entry *n, const char *id)
{
	const json_t *signature;
	size_t i;

	json_array_foreach(json_object_get(n->statement, "signatures"), i, signature)
	{
		if (streq(json_opt_string(signature, "keyid"), id))
			return true;
	}
	return false;
}

/* Statements by that key from there on, by type: {"version":2,..}. */
static int
count_since(struct policy_change *c, const char *id, uint64_t from, json_t *ret, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct entry n;
	int rc = store_read_begin(c->app->registry->store, &t, e);

	for (uint64_t seq = from; rc == 0 && seq < c->ledger.size; seq++) {
		rc = history_entry(c->app->registry, t, seq, &n, e);
		if (rc < 0)
			break;
		if (is_by(&n, id))
			json_object_set_new(
			        ret, n.type,
			        json_integer(json_integer_value(json_object_get(ret, n.type)) + 1));
		entry_fini(&n);
	}
	return rc;
}

/* Only a place before the end changes what was said already. */
static int
say_what_stops(struct policy_change *c, const struct public_key *key, uint64_t from, struct err *e)
{
	cleanup_json json_t *counts = json_object();
	cleanup_buf struct buf what = { 0 };
	char id[KEY_ID_SIZE];
	const char *type;
	json_t *n;
	int rc;

	if (from >= c->ledger.size)
		return 0;
	key_id(key, id);
	rc = count_since(c, id, from, counts, e);
	if (rc < 0)
		return rc;
	json_object_foreach(counts, type, n)
	{
		buf_addf(&what, "%s%" JSON_INTEGER_FORMAT " %s", what.n > 0 ? ", " : "",
		         json_integer_value(n), type);
	}
	out_note(c->app->out,
	         "from log entry %" PRIu64 " on, key %s signed: %s; versions, approvals and "
	         "authorisations of these stop to count",
	         from, id, what.n > 0 ? buf_cstr(&what) : "nothing");
	return 0;
}

static int
revoke_keys(struct policy_change *c, const struct args *in, struct err *e)
{
	const struct policy *const p = &c->ledger.policy;
	struct public_key keys[POLICY_KEYS_MAX];
	const size_t n = keys_meant(p, in->pos[0], keys);
	uint64_t from;
	int rc = n > 0 ? read_from(in, c->ledger.size, &from, e) : not_known(p, in->pos[0], e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		policy_edit_revoke(c->doc, &keys[i], from);
		rc = say_what_stops(c, &keys[i], from, e);
	}
	return rc;
}

/* --- rotate --- */

struct rotation {
	struct app *app;
	const struct args *in;
	struct own_key old;
	struct signer by; /* with the old one */
	char name[65];    /* of the new key */
	char person[SIGNER_SIZE];
	bool is_root;
	struct secret_key *key;
};

/* "ana" -> "ana-2" -> "ana-3": the first that no file has. */
static int
next_name(struct rotation *r, struct err *e)
{
	cleanup_free char *base = xstrdup(r->old.item.name);
	char *const dash = strrchr(base, '-');
	struct err none = { 0 };
	struct own_key had;
	uint64_t number = 1;

	if (dash && parse_u64(dash + 1, 1000000, &number) == 0)
		*dash = '\0';
	if (key_check_name("key", base, &none) < 0) {
		free(base);
		base = xstrdup(key_account_name());
	}
	do {
		const int n = snprintf(r->name, sizeof r->name, "%s-%" PRIu64, base, ++number);
		if (n < 0 || (size_t)n >= SIGNER_SIZE)
			return err_set(e, ERR_USAGE, "the name \"%s\" is too long to be counted on",
			               base);
	} while (own_key_find(r->name, &had, &none) == 0);
	return 0;
}

/* The key that is replaced: the one that --key names, that the policy has as this person's, or the
 * only one. */
static int
find_old(struct rotation *r, const struct policy *p, struct err *e)
{
	struct signer *const s = &r->by;
	struct err none = { 0 };

	if (signer_find(r->app, p, ROLES_PERSON, s, &none) == 0) {
		r->old = (struct own_key){ .item = s->item, .in_agent = s->in_agent };
		(void)str_copy(r->person, sizeof r->person, s->id);
		r->is_root = policy_has_role(p, &s->item.pub, ROLE_ROOT);
		return 0;
	}
	r->old = (struct own_key){ 0 };
	return own_key_only(r->app, &r->old.item, e);
}

static int
make_key(struct rotation *r, struct err *e)
{
	int rc = next_name(r, e);

	r->app->no_passphrase = arg_flag(r->in, "--no-passphrase");
	return rc < 0 ? rc : key_make(r->app, r->name, arg_flag(r->in, "--paranoid"), &r->key, e);
}

static void
new_item(const struct rotation *r, struct keyring_item *ret)
{
	*ret = (struct keyring_item){ .pub = r->key->pub };
	(void)str_copy(ret->name, sizeof ret->name, r->name);
	key_id(&ret->pub, ret->id);
}

/* Nobody else can know the new key: the file for root is written, and what root types is said. */
static int
hand_over(struct rotation *r, struct err *e)
{
	cleanup_free char *path = xasprintf("%s.pub", r->name);
	struct keyring_item item;
	int rc;

	new_item(r, &item);
	rc = key_write_public(r->app, &item, path, e);
	if (rc < 0)
		return rc;
	if (out_format_of(r->app->out) == OUT_NAME)
		out_text(r->app->out, "%s\n", path);
	out_note(r->app->out,
	         "give root of the registry the file %s, to say: slipway policy add "
	         "%s %s",
	         path, r->person, path);
	if (arg_flag(r->in, "--revoke-old"))
		out_note(r->app->out, "and then: slipway key revoke %s", r->old.item.id);
	(void)err_set(e, ERR_NEEDS_PERSON, "key \"%s\" is made, and root must add it to \"%s\"",
	              r->name, r->person);
	return err_hint(e, "root says: slipway policy add %s %s", r->person, path);
}

/* The old key signs; when it leaves the person, the new policy counts the new one alone, which
 * signs too. */
static int
edit(struct rotation *r, struct policy_change *c, struct err *e)
{
	struct signer *const s = &c->by[1];
	int rc = policy_edit_add(c->doc, r->person, &r->key->pub, 0, e);

	c->by[0] = r->by;
	c->by_n = 1;
	if (rc < 0 || !arg_flag(r->in, "--revoke-old"))
		return rc;
	policy_edit_revoke(c->doc, &r->old.item.pub, c->ledger.size);
	new_item(r, &s->item);
	(void)str_copy(s->id, sizeof s->id, r->person);
	s->key = steal(&r->key);
	c->by_n = 2;
	return 0;
}

/* A key that came into no policy and no draft is taken away again. */
static int
rotate(struct rotation *r, struct policy_change *c, struct err *e)
{
	int rc = find_old(r, &c->ledger.policy, e);

	if (rc == 0)
		rc = make_key(r, e);
	if (rc < 0)
		return rc;
	if (!r->person[0])
		out_note(r->app->out,
		         "key \"%s\" is made; the old one is not in the policy of this "
		         "registry, which stays as it is",
		         r->name);
	else if (!r->is_root)
		rc = hand_over(r, e);
	else if ((rc = edit(r, c, e)) == 0)
		rc = policy_change_run(c, e);
	if (rc < 0 && rc != -ERR_NEEDS_PERSON && !c->is_committed)
		keyring_remove(r->name);
	return rc;
}

static int
run_rotate(struct app *a, const struct args *in, struct err *e)
{
	cleanup_free char *line = xasprintf("slipway key rotate%s --yes",
	                                    arg_flag(in, "--revoke-old") ? " --revoke-old" : "");
	struct rotation r = { .app = a, .in = in };
	struct policy_change c = { .app = a, .line = line };
	int rc = policy_change_begin(&c, e);

	if (rc == 0)
		rc = rotate(&r, &c, e);
	key_free(r.key);
	policy_change_end(&c);
	return rc;
}

/* --- the rows --- */

static int
run_trust(struct app *a, const struct args *in, struct err *e)
{
	return policy_change(a, in, trust_key, e);
}

static int
run_revoke(struct app *a, const struct args *in, struct err *e)
{
	return policy_change(a, in, revoke_keys, e);
}

#define FLAGS (CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_REASON | CMD_SIGNS | CMD_WRITES_FILES)

static const struct opt trust_opts[] = {
	{ "--person", 0, "NAME", "whose key it is; default: you", false },
	{ "--role", 0, "ROLE", "and this role for the person", true },
	{ "--to", 0, "FILE", "keep the signed draft in this file instead", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_key_trust = {
	.name = "key",
	.sub = "trust",
	.args = "FILE|KEY",
	.summary = "let the policy know one more key of a person",
	.group = "trust",
	.opts = trust_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS | CMD_DRY_RUN,
	.run = run_trust,
	.examples = "  slipway key trust yubikey.pub\n"
	            "  slipway key trust ben-2.pub --person ben\n",
};

static const struct opt revoke_opts[] = {
	{ "--from", 0, "SEQ|now", "the log entry from which on the key does not count", false },
	{ "--to", 0, "FILE", "keep the signed draft in this file instead", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_key_revoke = {
	.name = "key",
	.sub = "revoke",
	.args = "KEY|PERSON",
	.summary = "say from where in the log on a key does not count, for good",
	.group = "trust",
	.opts = revoke_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS | CMD_DRY_RUN,
	.run = run_revoke,
	.examples = "  slipway key revoke ben --reason 'left'\n"
	            "  slipway key revoke SHA256:... --from 4711 --reason 'laptop stolen'\n",
};

static const struct opt rotate_opts[] = {
	{ "--revoke-old", 0, NULL, "the old key does not count any more, from now on", false },
	{ "--no-passphrase", 0, NULL, "leave the new key unencrypted on this disk", false },
	{ "--paranoid", 0, NULL, "a passphrase that costs who guesses it more time and 1 GiB",
	  false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_key_rotate = {
	.name = "key",
	.sub = "rotate",
	.args = "",
	.summary = "make a new key of yours and let it take the old one's place",
	.group = "trust",
	.opts = rotate_opts,
	.flags = FLAGS,
	.run = run_rotate,
	.examples = "  slipway key rotate\n"
	            "  slipway key rotate --revoke-old --passphrase-fd 3 3<secret\n",
};
