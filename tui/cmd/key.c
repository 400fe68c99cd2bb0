/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and writing keys for the verbs. Comments of an agent's keys are foreign text: what is not
 * one plain word is not taken for a name.
 */
#include "tui/cmd/key.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sshagent.h"
#include "registry/base/fs.h"
#include "registry/near.h"
#include "registry/ref.h"
#include "tui/cmd/sign.h"

#define AGENT_TIMEOUT_MS 3000 /* a list needs no touch */
#define PUBLIC_MAX       (16u << 10)
#define PARANOID_OPS     4
#define PARANOID_MEM     (1024u << 20)

/* --- this person's --- */

struct walk {
	own_key_fn *fn;
	void *arg;
};

static int
from_file(void *arg, const struct keyring_item *k)
{
	const struct walk *const w = arg;
	const struct own_key own = { .item = *k };

	return w->fn(w->arg, &own);
}

static bool
is_word(const char *s)
{
	for (const char *c = s; *c; c++)
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z') &&
		    !(*c >= '0' && *c <= '9') && !strchr("._@-", *c))
			return false;
	return s[0] != '\0' && s[0] != '-';
}

static int
from_agent(const struct walk *w)
{
	struct sshagent_key *keys = NULL;
	struct sshagent *agent;
	size_t n = 0;
	int rc = 0;

	if (sshagent_open(NULL, AGENT_TIMEOUT_MS, &agent) < 0)
		return 0;
	if (sshagent_list(agent, &keys, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct own_key own = { .item = { .pub = keys[i].key }, .in_agent = true };
		const char *const comment = keys[i].comment;
		key_id(&own.item.pub, own.item.id);
		if (!is_word(comment) || str_copy(own.item.name, sizeof own.item.name, comment) < 0)
			(void)str_copy(own.item.name, sizeof own.item.name, own.item.id);
		rc = w->fn(w->arg, &own);
	}
	free(keys);
	sshagent_close(agent);
	return rc;
}

int
own_keys_each(own_key_fn *fn, void *arg, struct err *e)
{
	struct walk w = { fn, arg };
	int rc = keyring_each(from_file, &w, e);

	return rc != 0 ? rc : from_agent(&w);
}

struct wanted {
	const char *name;
	struct own_key *ret;
	struct near near;
};

static int
find(void *arg, const struct own_key *k)
{
	struct wanted *const w = arg;

	near_offer(&w->near, k->item.name);
	if (!streq(k->item.name, w->name) && !streq(k->item.id, w->name))
		return 0;
	*w->ret = *k;
	return 1;
}

int
own_key_find(const char *name, struct own_key *ret, struct err *e)
{
	struct wanted w = { .name = name, .ret = ret, .near = { .wanted = name } };
	char names[200];
	int rc = own_keys_each(find, &w, e);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	(void)err_set(e, ERR_NOT_FOUND, "you have no key \"%s\" on this machine", name);
	if (near_text(&w.near, names, sizeof names))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "see `slipway key list`");
}

int
own_key_only(struct app *a, struct keyring_item *ret, struct err *e)
{
	const char *const name = a->key ? a->key : a->conf.key;
	struct own_key own;
	int rc;

	if (!name)
		return keyring_person(ret, e);
	rc = own_key_find(name, &own, e);
	if (rc == 0 && own.in_agent)
		return err_set(e, ERR_USAGE, "key \"%s\" is in ssh-agent and has no file here",
		               name);
	if (rc == 0)
		*ret = own.item;
	return rc;
}

/* --- public halves --- */

static int
no_key(const char *path, struct err *e)
{
	(void)err_set(e, ERR_MALFORMED, "\"%s\" is not one public key of a kind that is used here",
	              path);
	return err_hint(e, "ssh-ed25519, ecdsa-sha2-nistp256 and security keys (sk-...) are; "
	                   "`slipway key export` writes one");
}

int
key_read_public(const char *path, struct public_key *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc = fs_read_at(AT_FDCWD, path, PUBLIC_MAX, &text, e);

	if (rc < 0)
		return err_prefix(e, "read \"%s\"", path);
	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
		text.n--;
	if (text.n == 0 || memchr(text.p, '\n', text.n) || key_parse_ssh(ret, text.p, text.n) < 0)
		return no_key(path, e);
	return 0;
}

int
key_write_public(struct app *a, const struct keyring_item *k, const char *path, struct err *e)
{
	cleanup_free char *line = NULL;
	char ssh[KEY_SSH_SIZE];
	int rc;

	key_ssh(&k->pub, ssh);
	line = xasprintf("%s %s\n", ssh, k->name);
	if (streq(path, "-")) {
		out_raw(a->out, line, strlen(line));
		return 0;
	}
	rc = fs_create_at(AT_FDCWD, path, line, strlen(line), 0644, e);
	if (rc == -ERR_EXISTS)
		(void)err_hint(e, "move it away, or name another file with --to");
	return rc < 0 ? err_prefix(e, "write \"%s\"", path) : 0;
}

/* --- new ones --- */

int
key_check_name(const char *what, const char *name, struct err *e)
{
	int rc = ref_check_word(what, name, e);

	if (rc < 0)
		return rc;
	if (streq(name, "agent") || streq(name, "log") || has_prefix(name, "agent-") ||
	    has_prefix(name, "log-") || strlen(name) >= SIGNER_SIZE)
		return err_set(e, ERR_USAGE,
		               "\"%s\" is too long or the name of a machine's key, not of a person",
		               name);
	return 0;
}

const char *
key_account_name(void)
{
	const char *const user = getenv("USER");
	struct err ignored = { 0 };

	return user && key_check_name("key", user, &ignored) == 0 ? user : "me";
}

int
key_make(struct app *a, const char *name, bool is_paranoid, struct secret_key **ret, struct err *e)
{
	static const struct keyfile_cost paranoid = { PARANOID_OPS, PARANOID_MEM };
	cleanup_free char *question = xasprintf("passphrase for your new key \"%s\":", name);
	char *passphrase = NULL;
	int rc = 0;

	if (a->no_passphrase && is_paranoid)
		return err_set(e, ERR_USAGE,
		               "--paranoid is about the passphrase, and there is none");
	signer_keep_memory();
	if (!a->no_passphrase)
		rc = passphrase_get(a, question, true, &passphrase, e);
	if (rc < 0 && a->passphrase_fd < 0 && !app_is_interactive(a))
		rc = err_hint(e, "give it with --passphrase-fd N, as in --passphrase-fd 3 3<FILE, "
		                 "or say --no-passphrase");
	if (rc == 0)
		rc = keyring_create_at_cost(name, passphrase, is_paranoid ? &paranoid : NULL, ret,
		                            e);
	sodium_free(passphrase);
	return rc;
}
