/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init: a registry, this person's key, the agent's and the log's, and the first policy, all or
 * nothing. What
 * was made before a step failed is taken away again; what was there before is never touched.
 */
#include "tui/cmd/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/change.h"
#include "registry/ledger.h"
#include "registry/ref.h"
#include "registry/statement.h"
#include "tui/cmd/sign.h"

struct init {
	char *dir;
	const char *who, *policy_name;
	char id[REGISTRY_ID_SIZE];
	struct keyring_item item;   /* the person's */
	struct secret_key *person, *agent, *log;
	char agent_name[65], log_name[65];
	struct digest policy;
	/* to be taken away when it fails */
	bool made_dir, made_registry, made_key, made_agent, made_log;
	bool reused;
};

/* --- taking back --- */

static void
remove_below(int dirfd, int depth)
{
	DIR *const d = fdopendir(dirfd);
	const struct dirent *n;

	if (!d) {
		close_quietly(dirfd);
		return;
	}
	while ((n = readdir(d)) != NULL) {
		if (streq(n->d_name, ".") || streq(n->d_name, ".."))
			continue;
		if (unlinkat(dirfd, n->d_name, 0) == 0 || depth == 0)
			continue;
		const int below = openat(dirfd, n->d_name,
		                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below < 0)
			continue;
		remove_below(below, depth - 1);
		(void)unlinkat(dirfd, n->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

static void
take_back(const struct init *n)
{
	if (n->made_agent)
		keyring_remove(n->agent_name);
	if (n->made_log)
		keyring_remove(n->log_name);
	if (n->made_key)
		keyring_remove(n->item.name);
	if (!n->made_registry)
		return;
	const int fd = open(n->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		remove_below(fd, 3); /* blobs/sha256/x is the deepest that creating makes */
	if (n->made_dir)
		(void)rmdir(n->dir);
}

/* --- steps --- */

static int
choose_name(const struct args *in, struct init *n, struct err *e)
{
	const char *const user = getenv("USER");
	struct err ignored = { 0 };
	int rc;

	n->who = arg_value(in, "--name");
	if (!n->who)
		n->who = user && ref_check_word("person", user, &ignored) == 0 &&
			!streq(user, "agent") &&
		                 strlen(user) < SIGNER_SIZE ?
		                 user : "me";
	rc = ref_check_word("person", n->who, e);
	if (rc < 0)
		return rc;
	if (streq(n->who, "agent") || streq(n->who, "log") || has_prefix(n->who, "agent-") ||
	    has_prefix(n->who, "log-") || strlen(n->who) >= SIGNER_SIZE)
		return err_set(e, ERR_USAGE,
		               "\"%s\" is too long or the name of a machine's key, not of a person",
		               n->who);
	n->policy_name = arg_value(in, "--policy");
	if (!n->policy_name)
		n->policy_name = "solo";
	if (streq(n->policy_name, "solo") || streq(n->policy_name, "team"))
		return 0;
	(void)err_set(e, ERR_USAGE, "there is no policy template \"%s\"", n->policy_name);
	return err_hint(e, "solo: one person decides; team: production wants a second person");
}

static int
check_place(struct app *a, struct init *n, struct err *e)
{
	const char *const env = getenv("SLIPWAY_REGISTRY");
	cleanup_free char *json = NULL;
	int rc;

	rc = registry_dir(a->registry_dir || (env && *env) ? a->registry_dir : a->conf.registry,
	                  &n->dir, e);
	if (rc < 0)
		return rc;
	json = xasprintf("%s/registry.json", n->dir);
	if (access(json, F_OK) == 0) {
		(void)err_set(e, ERR_EXISTS, "there is a registry in \"%s\" already", n->dir);
		return err_hint(e,
		                "look at it with `slipway list`, or name another folder with -R");
	}
	n->made_dir = access(n->dir, F_OK) < 0 && errno == ENOENT;
	return 0;
}

static int
new_key(struct app *a, struct init *n, struct err *e)
{
	cleanup_free char *question = xasprintf("passphrase for your new key \"%s\":", n->who);
	char *passphrase = NULL;
	int rc = 0;

	if (!a->no_passphrase)
		rc = passphrase_get(a, question, true, &passphrase, e);
	if (rc < 0 && a->passphrase_fd < 0 && !app_is_interactive(a))
		rc = err_hint(e, "give it with --passphrase-fd N, as in --passphrase-fd 3 3<FILE, "
		                 "or say --no-passphrase");
	if (rc == 0)
		rc = keyring_create(n->who, passphrase, &n->person, e);
	sodium_free(passphrase);
	if (rc < 0)
		return rc;
	n->item = (struct keyring_item){ .pub = n->person->pub };
	(void)str_copy(n->item.name, sizeof n->item.name, n->who);
	key_id(&n->item.pub, n->item.id);
	n->made_key = true;
	return 0;
}

static int
person_key(struct app *a, struct init *n, struct err *e)
{
	struct signer s = { 0 };
	int rc;

	rc = keyring_person(&n->item, e);
	if (rc == -ERR_NOT_FOUND) {
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

static int
commit_policy(struct app *a, struct init *n, struct err *e)
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

/* Reads the two entries back as every later verb will, and remembers them. */
static int
pin_first(struct registry *r, struct err *e)
{
	struct ledger l;
	int rc;

	rc = ledger_open(r, &l, e);
	if (rc < 0)
		return rc;
	rc = ledger_save_pin(r, &l, e);
	ledger_fini(&l);
	return rc;
}

static int
make(struct app *a, struct init *n, struct err *e)
{
	int rc;

	rc = person_key(a, n, e);
	if (rc < 0)
		return rc;
	n->made_registry = true;
	rc = registry_create(n->dir, n->id, e);
	if (rc == -ERR_EXISTS)
		n->made_registry = false;
	if (rc < 0)
		return rc;
	keyring_agent_name(n->id, n->agent_name);
	rc = keyring_create(n->agent_name, NULL, &n->agent, e);
	if (rc < 0)
		return rc;
	n->made_agent = true;
	keyring_log_name(n->id, n->log_name);
	rc = keyring_create(n->log_name, NULL, &n->log, e);
	if (rc < 0)
		return rc;
	n->made_log = true;
	rc = registry_open(n->dir, REGISTRY_WRITE, &a->registry, e);
	if (rc == 0)
		rc = commit_policy(a, n, e);
	if (rc == 0)
		rc = pin_first(a->registry, e);
	return rc;
}

/* Eight groups of eight digits: to be read to somebody by voice. */
static void
fingerprint(const struct digest *d, char ret[72])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	for (size_t i = 0; i < 8; i++) {
		memcpy(ret + i * 9, hex + i * 8, 8);
		ret[i * 9 + 8] = i < 7 ? ' ' : '\0';
	}
}

static void
show(struct app *a, const struct init *n)
{
	struct json_out *j;
	char groups[72];

	fingerprint(&n->policy, groups);
	out_object_begin(a->out, "Registry");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "path", n->dir);
		jo_string(j, "id", n->id);
		jo_string(j, "person", n->who);
		jo_string(j, "key", n->item.id);
		jo_bool(j, "keyIsNew", !n->reused);
		jo_u64(j, "policyVersion", 1);
		jo_string(j, "policyTemplate", n->policy_name);
		jo_digest(j, "policyDigest", &n->policy);
	}
	out_field(a->out, "registry", "%s", n->dir);
	out_field(a->out, "id", "%s", n->id);
	out_field(a->out, "person", "%s", n->who);
	out_field(a->out, "key", "%s%s", n->item.id, n->reused ? " (was there before)" : "");
	out_field(a->out, "policy", "1 %s", n->policy_name);
	out_field(a->out, "fingerprint", "%s", groups);
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", n->dir);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct init n = { 0 };
	int rc;

	a->no_passphrase = arg_flag(in, "--no-passphrase");
	rc = choose_name(in, &n, e);
	if (rc == 0)
		rc = check_place(a, &n, e);
	if (rc == 0)
		rc = make(a, &n, e);
	if (rc == 0) {
		show(a, &n);
	} else {
		registry_close(steal(&a->registry));
		take_back(&n);
	}
	key_free(n.person);
	key_free(n.agent);
	key_free(n.log);
	free(n.dir);
	return rc;
}

static const struct opt opts[] = {
	{ "--name", 0, "WHO", "who you are in the policy; default: your user name", false },
	{ "--policy", 0, "solo|team", "solo (default), or team: production wants a second person",
	  false },
	{ "--no-passphrase", 0, NULL, "leave the new key unencrypted on this disk", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_init = {
	.name = "init",
	.args = "",
	.summary = "make a registry, your key and the first policy",
	.group = "start",
	.opts = opts,
	.flags = CMD_CHANGES | CMD_SIGNS | CMD_REASON,
	.run = run,
	.examples = "  slipway init\n"
	            "  slipway -R /srv/models init --name ana --policy team\n"
	            "  slipway init --passphrase-fd 3 3<secret\n",
};
