/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the agent's client share: a socket that listens, and questions. */
#pragma once

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "crypto/sshagent.h"
#include "tests/unit/ssh_fixture.h"

#define PATIENT_MS 20000 /* never waited for: what fails by it has failed */
#define SHORT_MS   150
#define DROP_MS    20

static inline int
listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && strlen(path) < sizeof a.sun_path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	cr_assert_eq(bind(fd, (const struct sockaddr *)&a, sizeof a), 0, "%s", strerror(errno));
	cr_assert_eq(listen(fd, 0), 0);
	return fd;
}

/* From the agent's answer to armour, as the approval of a plan will do it. */
static inline char *
sign_by(struct sshagent *a, const struct public_key *key, const char *ns, const void *msg,
        size_t msg_n)
{
	uint8_t *text, *sig, *blob;
	size_t text_n, sig_n, blob_n;
	char *armor;

	text = sshsig_signed_bytes(ns, msg, msg_n, &text_n);
	cr_assert(text != NULL);
	cr_assert_eq(sshagent_sign(a, key, text, text_n, &sig, &sig_n), SSHAGENT_OK);
	cr_assert_eq(sshsig_wrap(key, ns, sig, sig_n, &blob, &blob_n), 0);
	cr_expect_eq(sshsig_verify(blob, blob_n, ns, msg, msg_n, key, NULL), 0);
	armor = sshsig_armor(blob, blob_n);
	free(text);
	free(sig);
	free(blob);
	return armor;
}

static inline int
ask(struct sshagent *a, bool sign)
{
	const struct public_key key = { .kind = KEY_ED25519 };
	struct sshagent_key *keys = NULL;
	uint8_t *sig = NULL;
	size_t n = 99;
	int rc;

	rc = sign ? sshagent_sign(a, &key, "data", 4, &sig, &n) : sshagent_list(a, &keys, &n);
	cr_expect(rc == SSHAGENT_OK || (n == 99 && !keys && !sig), "nothing is returned");
	free(keys);
	free(sig);
	return rc;
}
