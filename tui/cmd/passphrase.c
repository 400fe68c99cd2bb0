/* SPDX-License-Identifier: Apache-2.0 */
/* Passphrases are read byte by byte into locked memory; no copy is made anywhere else. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tui/cmd/sign.h"

#define CREDENTIAL "slipway-passphrase"

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
		(void)err_set(e, ERR_USAGE, "a passphrase is needed, and nobody can be asked here");
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

/* What systemd put there for this service alone (systemd.exec(5), LoadCredential); -1: nothing. */
static int
credential_fd(void)
{
	const char *const dir = getenv("CREDENTIALS_DIRECTORY");
	cleanup_free char *path = NULL;

	if (!dir || dir[0] != '/')
		return -1;
	path = xasprintf("%s/" CREDENTIAL, dir);
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* Neither a crash nor another program of this person may write the key or its passphrase down: no
 * core, and no tracing of this process by others than root. Best effort, and never undone. */
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
	const int credential = a->passphrase_fd < 0 ? credential_fd() : -1;
	if (a->passphrase_fd >= 0)
		rc = read_fd(a->passphrase_fd, p, PASSPHRASE_MAX, e);
	else if (credential >= 0)
		rc = read_fd(credential, p, PASSPHRASE_MAX, e);
	else
		rc = ask(a, question, twice, p, e);
	close_quietly(credential);
	if (rc < 0) {
		sodium_free(p);
		return rc;
	}
	*ret = p;
	return 0;
}
