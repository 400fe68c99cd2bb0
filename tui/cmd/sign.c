/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases are read byte by byte into locked memory; no copy is made anywhere else. */
#include "tui/cmd/sign.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void
key_free_p(struct secret_key **k)
{
	key_free(*k);
}

/* The first line of the descriptor, without its end. */
static int
read_fd(int fd, char *ret, size_t size, struct err *e)
{
	size_t n = 0;

	for (;;) {
		const ssize_t got = read(fd, ret + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			(void)err_sys(e, "cannot read the passphrase from descriptor %d", fd);
			e->code = ERR_USAGE;
			return err_hint(e, "give an open one: --passphrase-fd 3 3<FILE");
		}
		if (got == 0 || ret[n] == '\n')
			break;
		if (++n == size)
			return err_set(e, ERR_USAGE, "the passphrase is longer than %zu bytes",
			               size - 1);
	}
	ret[n] = '\0';
	return n > 0 ? 0 : err_set(e, ERR_USAGE, "the passphrase on descriptor %d is empty", fd);
}

static int
ask_again(struct app *a, const char *first, struct err *e)
{
	char *const again = sodium_malloc(PASSPHRASE_MAX);
	int rc;

	if (!again)
		return err_set(e, ERR_SYS, "not enough lockable memory for a passphrase");
	rc = out_ask_secret(a->out, "again:", again, PASSPHRASE_MAX, e);
	if (rc == 0 && strcmp(first, again) != 0)
		rc = err_set(e, ERR_DENIED, "the two passphrases differ");
	sodium_free(again);
	return rc;
}

static int
ask(struct app *a, const char *question, bool twice, char *ret, struct err *e)
{
	int rc;

	if (!app_is_interactive(a)) {
		(void)err_set(e, ERR_USAGE,
		              "a passphrase is needed, and nobody can be asked here");
		return err_hint(e,
		                "give it with --passphrase-fd N, as in --passphrase-fd 3 3<FILE");
	}
	rc = out_ask_secret(a->out, question, ret, PASSPHRASE_MAX, e);
	if (rc == 0 && twice && ret[0] == '\0') {
		(void)err_set(e, ERR_USAGE, "an empty passphrase protects nothing");
		rc = err_hint(e, "say --no-passphrase if the key shall lie in the clear");
	}
	return rc == 0 && twice ? ask_again(a, ret, e) : rc;
}

void
signer_keep_memory(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int
passphrase_get(struct app *a, const char *question, bool twice, char **ret, struct err *e)
{
	char *const p = sodium_malloc(PASSPHRASE_MAX);
	int rc;

	if (!p)
		return err_set(e, ERR_SYS, "not enough lockable memory for a passphrase");
	if (a->passphrase_fd >= 0)
		rc = read_fd(a->passphrase_fd, p, PASSPHRASE_MAX, e);
	else
		rc = ask(a, question, twice, p, e);
	if (rc < 0) {
		sodium_free(p);
		return rc;
	}
	*ret = p;
	return 0;
}

static int
no_role(const struct policy_person *who, unsigned roles, struct err *e)
{
	cleanup_buf struct buf names = { 0 };

	for (int i = 0; i < ROLE_COUNT; i++)
		if (roles & ROLE_BIT(i))
			buf_addf(&names, "%s\"%s\"", names.n > 0 ? " or " : "",
			         policy_role_name((enum policy_role)i));
	(void)err_set(e, ERR_POLICY, "\"%s\" has no role %s in the policy", who->id,
	              buf_cstr(&names));
	return err_hint(e, "see `slipway policy show`");
}

int
signer_find_of(const struct policy *p, unsigned roles, struct signer *ret, struct err *e)
{
	const struct policy_person *who;
	struct signer s;
	int rc;

	rc = keyring_person(&s.item, e);
	if (rc < 0)
		return rc;
	who = policy_person_of(p, &s.item.pub);
	if (!who) {
		(void)err_set(e, ERR_POLICY, "your key %s is not in the policy of this registry",
		              s.item.id);
		return err_hint(e, "see `slipway policy show`; its root must add you");
	}
	if (!(policy_roles_of(p, who) & roles))
		return no_role(who, roles, e);
	(void)str_copy(s.id, sizeof s.id, who->id);
	*ret = s;
	return 0;
}

int
signer_find(const struct policy *p, enum policy_role role, struct signer *ret, struct err *e)
{
	return signer_find_of(p, ROLE_BIT(role), ret, e);
}

int
signer_unlock(struct app *a, const struct signer *s, struct secret_key **ret, struct err *e)
{
	cleanup_free char *question = xasprintf("passphrase of key %s:", s->item.name);
	char *passphrase = NULL;
	int rc = 0;

	signer_keep_memory();
	if (s->item.is_encrypted)
		rc = passphrase_get(a, question, false, &passphrase, e);
	if (rc == 0)
		rc = keyring_load(s->item.name, passphrase, ret, e);
	sodium_free(passphrase);
	return rc;
}
