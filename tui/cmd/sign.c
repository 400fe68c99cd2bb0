/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose key signs. Candidates are the person's key files and what an ssh-agent offers; the policy
 * says who they are. A signature that an agent returns is verified before it is used.
 */
#include "tui/cmd/sign.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sshagent.h"
#include "crypto/sshsig.h"
#include "registry/statement.h"

#define AGENT_TIMEOUT_MS 60000 /* a touch takes seconds */

/* --- which key --- */

struct choice {
	const struct policy *policy;
	unsigned roles;
	const char *wanted; /* name or id; NULL: any */
	struct signer *ret;
	size_t keys_n;           /* seen */
	bool is_wanted;          /* the wanted one was among them */
	char known[SIGNER_SIZE]; /* a person of the policy without the role */
	char last_id[KEY_ID_SIZE];
	struct buf people; /* who could sign, when it is more than one */
	size_t found;
};

static void
offer(struct choice *c, const struct keyring_item *k, bool in_agent)
{
	const struct policy_person *who;

	if (c->wanted && !streq(c->wanted, k->name) && !streq(c->wanted, k->id))
		return;
	c->keys_n++;
	(void)str_copy(c->last_id, sizeof c->last_id, k->id);
	who = policy_person_of(c->policy, &k->pub);
	if (!who)
		return;
	if (!(policy_roles_of(c->policy, who) & c->roles)) {
		(void)str_copy(c->known, sizeof c->known, who->id);
		return;
	}
	if (c->found > 0 && streq(c->ret->id, who->id))
		return; /* the same person's next key: the first one will do */
	if (c->found++ == 0) {
		*c->ret = (struct signer){ .item = *k, .in_agent = in_agent };
		(void)str_copy(c->ret->id, sizeof c->ret->id, who->id);
	}
	buf_addf(&c->people, "%s%s", c->found > 1 ? ", " : "", who->id);
}

static int
offer_file(void *arg, const struct keyring_item *k)
{
	if (!k->is_agent && !k->is_log)
		offer(arg, k, false);
	return 0;
}

/* Best effort: who has no agent has no keys there. */
static void
offer_agent(struct choice *c)
{
	struct sshagent_key *keys = NULL;
	struct sshagent *agent;
	size_t n = 0;

	if (sshagent_open(NULL, AGENT_TIMEOUT_MS, &agent) < 0)
		return;
	if (sshagent_list(agent, &keys, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct keyring_item k = { .pub = keys[i].key };
		(void)str_copy(k.name, sizeof k.name,
		               keys[i].comment[0] && strlen(keys[i].comment) < sizeof k.name
		                       ? keys[i].comment
		                       : "in ssh-agent");
		key_id(&k.pub, k.id);
		offer(c, &k, true);
	}
	free(keys);
	sshagent_close(agent);
}

static void
role_names(unsigned roles, struct buf *ret)
{
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (roles & ROLE_BIT(i))
			buf_addf(ret, "%s\"%s\"", ret->n ? " or " : "",
			         policy_role_name((enum policy_role)i));
}

static int
nobody(const struct choice *c, struct err *e)
{
	cleanup_buf struct buf roles = { 0 };

	if (c->known[0]) {
		role_names(c->roles, &roles);
		(void)err_set(e, ERR_POLICY, "\"%s\" has no role %s in the policy", c->known,
		              buf_cstr(&roles));
		return err_hint(e, "see `slipway policy show`");
	}
	if (c->keys_n > 0) {
		(void)err_set(e, ERR_POLICY, "your key %s is not in the policy of this registry",
		              c->last_id);
		return err_hint(e,
		                "see `slipway policy show`; its root must add you: `slipway key "
		                "export` here, `slipway policy add NAME FILE --role ROLE` there");
	}
	if (c->wanted) {
		(void)err_set(e, ERR_NOT_FOUND, "you have no key \"%s\" on this machine",
		              c->wanted);
		return err_hint(e, "see `slipway key list` and `ssh-add -l`");
	}
	/* there may be a file that is no good: that is said instead */
	const int rc = keyring_person(&(struct keyring_item){ 0 }, e);
	if (rc < 0)
		return rc;
	(void)err_set(e, ERR_SYS, "your key could not be read a moment ago, and now it can");
	return err_hint(e, "try again");
}

int
signer_find(struct app *a, const struct policy *p, unsigned roles, struct signer *ret,
            struct err *e)
{
	struct signer s = { 0 };
	struct choice c = { .policy = p, .roles = roles, .ret = &s };
	int rc;

	c.wanted = a->key ? a->key : a->conf.key;
	rc = keyring_each(offer_file, &c, e);
	if (rc == 0 && c.found == 0)
		offer_agent(&c);
	if (rc == 0 && c.found > 1) {
		(void)err_set(e, ERR_AMBIGUOUS, "you have keys of several people here: %.300s",
		              buf_cstr(&c.people));
		rc = err_hint(e, "say which: --key NAME, or `slipway config set key NAME`");
	}
	if (rc == 0 && c.found == 0)
		rc = nobody(&c, e);
	buf_fini(&c.people);
	if (rc == 0)
		*ret = s;
	return rc;
}

/* --- the signature --- */

int
signer_open(struct app *a, struct signer *s, struct err *e)
{
	cleanup_free char *question = xasprintf("passphrase of key %s:", s->item.name);
	char *passphrase = NULL;
	int rc = 0;

	if (s->key || s->in_agent)
		return 0;
	signer_keep_memory();
	if (s->item.is_encrypted)
		rc = passphrase_get(a, question, false, &passphrase, e);
	if (rc == 0)
		rc = keyring_load(s->item.name, passphrase, &s->key, e);
	sodium_free(passphrase);
	return rc;
}

static int
agent_failed(const struct signer *s, int status, struct err *e)
{
	switch (status) {
	case SSHAGENT_REFUSED:
		(void)err_set(e, ERR_DENIED, "ssh-agent does not sign with key %s", s->item.id);
		return err_hint(e, "it may be locked, not touched, or kept for logins only: see "
		                   "`ssh-add -l`");
	case SSHAGENT_TIMEOUT:
		return err_set(e, ERR_DENIED, "ssh-agent did not answer in %d s",
		               AGENT_TIMEOUT_MS / 1000);
	case SSHAGENT_MALFORMED:
		return err_set(e, ERR_MALFORMED, "ssh-agent gave no signature");
	case SSHAGENT_FOREIGN:
		return err_set(e, ERR_DENIED, "the ssh-agent there is not yours");
	default:
		return err_set(e, ERR_UNREACHABLE, "ssh-agent cannot be reached");
	}
}

int
signature_refused(int status, const char *wrong, struct err *e)
{
	if (status != SSHSIG_NOBODY)
		return err_set(e, ERR_SIGNATURE, "%s", wrong);
	(void)err_set(e, ERR_SIGNATURE, "the security key signed without being touched");
	return err_hint(e, "touch it; a key that was made with no-touch-required does not count");
}

static int
agent_signature(struct app *a, const struct signer *s, const char *kind, struct str pae,
                struct buf *ret, struct err *e)
{
	cleanup_free char *ns = xasprintf("%s" STATEMENT_NAMESPACE, kind);
	cleanup_free uint8_t *bytes = NULL, *sig = NULL, *blob = NULL;
	size_t bytes_n, sig_n, blob_n;
	struct sshagent *agent;
	int rc;

	bytes = sshsig_signed_bytes(ns, pae.p, pae.n, &bytes_n);
	if (!bytes)
		return err_set(e, ERR_SYS, "not enough memory to sign");
	rc = sshagent_open(NULL, AGENT_TIMEOUT_MS, &agent);
	if (rc < 0)
		return agent_failed(s, rc, e);
	if (s->item.pub.kind == KEY_SK_ED25519 || s->item.pub.kind == KEY_SK_ECDSA_P256)
		out_note(a->out, "touch your security key (%s)", s->item.name);
	rc = sshagent_sign(agent, &s->item.pub, bytes, bytes_n, &sig, &sig_n);
	sshagent_close(agent);
	if (rc < 0)
		return agent_failed(s, rc, e);
	if (sshsig_wrap(&s->item.pub, ns, sig, sig_n, &blob, &blob_n) < 0)
		return err_set(e, ERR_MALFORMED, "ssh-agent gave no signature");
	rc = sshsig_verify(blob, blob_n, ns, pae.p, pae.n, &s->item.pub, NULL);
	if (rc != SSHSIG_OK)
		return signature_refused(rc, "ssh-agent gave a signature that is not good", e);
	buf_add(ret, blob, blob_n);
	return 0;
}

int
signer_signature(struct app *a, struct signer *s, const char *kind, struct str payload,
                 struct buf *ret, struct err *e)
{
	cleanup_buf struct buf bytes = { 0 };
	int rc = signer_open(a, s, e);

	if (rc == 0 && !s->in_agent)
		return statement_signature(payload, s->key, ret, e);
	if (rc == 0)
		rc = statement_pae(payload, &bytes, e);
	return rc < 0 ? rc : agent_signature(a, s, kind, buf_str(&bytes), ret, e);
}

int
signer_sign(struct app *a, struct signer *s, const char *kind, const char *subject_name,
            const struct digest *subject, const json_t *predicate, struct buf *ret, struct err *e)
{
	cleanup_buf struct buf payload = { 0 }, sig = { 0 };
	int rc = statement_payload(kind, subject_name, subject, predicate, &payload, e);

	if (rc == 0)
		rc = signer_signature(a, s, kind, buf_str(&payload), &sig, e);
	return rc < 0 ? rc
	              : statement_envelope(buf_str(&payload), s->item.id, sig.p, sig.n, ret, e);
}

void
signer_fini(struct signer *s)
{
	key_free(s->key);
	s->key = NULL;
}
