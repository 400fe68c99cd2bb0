/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a new registry and its first policy, as init and adopt make them. Keys that were made
 * are known, so that they can be taken away again; what was there before is never touched. Knows
 * nothing of the folder.
 */
#include "tui/cmd/founding.h"

#include <stdlib.h>

#include "registry/base/clock.h"
#include "registry/change.h"
#include "registry/ledger.h"
#include "registry/statement.h"
#include "tui/cmd/fingerprint.h"
#include "tui/cmd/key.h"

int
founding_choose(const struct args *in, struct founding *n, struct err *e)
{
	int rc;

	n->who = arg_value(in, "--name");
	if (!n->who)
		n->who = key_account_name();
	rc = key_check_name("person", n->who, e);
	if (rc < 0)
		return rc;
	n->policy_name = arg_value(in, "--policy");
	if (!n->policy_name)
		n->policy_name = "solo";
	if (streq(n->policy_name, "solo") || streq(n->policy_name, "team"))
		return 0;
	(void)err_set(e, ERR_USAGE, "there is no policy template \"%s\"", n->policy_name);
	return err_hint(e, "solo: one person decides; team: production wants a second person");
}

static int
new_key(struct app *a, struct founding *n, struct err *e)
{
	int rc = key_make(a, n->who, false, &n->person, e);

	if (rc < 0)
		return rc;
	n->item = (struct keyring_item){ .pub = n->person->pub };
	(void)str_copy(n->item.name, sizeof n->item.name, n->who);
	key_id(&n->item.pub, n->item.id);
	n->made_key = true;
	return 0;
}

int
founding_person(struct app *a, struct founding *n, struct err *e)
{
	struct signer s = { 0 };
	int rc;

	rc = own_key_only(a, &n->item, e);
	if (rc == -ERR_NOT_FOUND && !a->key) {
		err_clear(e);
		return new_key(a, n, e);
	}
	if (rc < 0)
		return rc;
	n->reused = true;
	s.item = n->item;
	out_note(a->out, "your key \"%s\" is there already and is used", n->item.name);
	rc = signer_open(a, &s, e);
	n->person = s.key;
	return rc;
}

int
founding_keys(struct founding *n, struct err *e)
{
	int rc;

	keyring_agent_name(n->id, n->agent_name);
	rc = keyring_create(n->agent_name, NULL, &n->agent, e);
	if (rc < 0)
		return rc;
	n->made_agent = true;
	keyring_log_name(n->id, n->log_name);
	rc = keyring_create(n->log_name, NULL, &n->log, e);
	n->made_log = rc == 0;
	return rc;
}

struct first_policy {
	const struct digest *digest;
};

static int
policy_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct first_policy *const f = arg;
	struct applied a;
	int rc;

	rc = applied_get(t, &a, e);
	if (rc < 0)
		return rc;
	if (a.has_policy)
		return err_set(e, ERR_CONFLICT, "the registry has a policy already");
	*ret_body = json_object();
	json_object_set_new(*ret_body, "digest", json_from_digest(f->digest));
	json_object_set_new(*ret_body, "version", json_integer(1));
	return 0;
}

int
founding_policy(struct app *a, struct founding *n, struct err *e)
{
	const struct policy_start start = { .template_name = n->policy_name,
		                            .registry_id = n->id,
		                            .person = n->who,
		                            .key = &n->person->pub,
		                            .agent = &n->agent->pub,
		                            .log = &n->log->pub,
		                            .issued_s = clock_now_s() };
	cleanup_json json_t *doc = policy_template(&start);
	cleanup_buf struct buf text = { 0 };
	cleanup_buf struct buf envelope = { 0 };
	struct first_policy f = { .digest = &n->policy };
	struct change_result done;
	int rc;

	json_canonical(doc, &text);
	digest_small(text.p, text.n, &n->policy);
	rc = statement_sign("policy", "policy", &n->policy, doc, n->person, &envelope, e);
	if (rc < 0)
		return rc;
	const struct change c = {
		.type = "policy",
		.check = policy_check,
		.arg = &f,
		.reason = a->reason,
		.statement = buf_str(&envelope),
	};
	return change_commit(a->registry, &c, &done, e);
}

void
founding_take_back(const struct founding *n)
{
	if (n->made_agent)
		keyring_remove(n->agent_name);
	if (n->made_log)
		keyring_remove(n->log_name);
	if (n->made_key)
		keyring_remove(n->item.name);
}

void
founding_fini(struct founding *n)
{
	key_free(n->person);
	key_free(n->agent);
	key_free(n->log);
}

void
founding_show(struct app *a, const struct founding *n)
{
	struct json_out *const j = out_object_json(a->out);
	char groups[FINGERPRINT_SIZE];

	fingerprint_text(&n->policy, groups);
	if (j) {
		jo_string(j, "person", n->who);
		jo_string(j, "key", n->item.id);
		jo_bool(j, "keyIsNew", !n->reused);
		jo_u64(j, "policyVersion", 1);
		jo_string(j, "policyTemplate", n->policy_name);
		jo_digest(j, "policyDigest", &n->policy);
	}
	out_field(a->out, "person", "%s", n->who);
	out_field(a->out, "key", "%s%s", n->item.id, n->reused ? " (was there before)" : "");
	out_field(a->out, "policy", "1 %s", n->policy_name);
	out_field(a->out, "fingerprint", "%s", groups);
}
