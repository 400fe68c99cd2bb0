/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of ssh-agent (draft-ietf-sshm-ssh-agent): lists keys and asks for signatures over a
 * Unix socket. Everything that comes back is hostile: capped, timed, and a comment is foreign text.
 * A signature that is returned is not verified here: the caller wraps it (sshsig.h) and verifies.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/key.h"

#define SSHAGENT_REPLY_MAX (256u << 10) /* and of a request, as agents have it */

enum sshagent_status {
	SSHAGENT_OK = 0,
	SSHAGENT_ABSENT = -1,  /* no path, nobody listens there */
	SSHAGENT_REFUSED = -2, /* it said no: the key is locked, constrained, or was not touched */
	SSHAGENT_MALFORMED = -3, /* its answer is no answer, or it hung up */
	SSHAGENT_TIMEOUT = -4,
	SSHAGENT_FOREIGN = -5, /* the socket belongs to somebody else (SO_PEERCRED) */
	SSHAGENT_SYSTEM = -6,  /* errno says why */
};

struct sshagent;
/* path NULL: $SSH_AUTH_SOCK. timeout_ms, above 0, for each answer; a touch takes seconds. */
int sshagent_open(const char *path, int timeout_ms, struct sshagent **ret);
void sshagent_close(struct sshagent *a); /* NULL is fine */

struct sshagent_key {
	struct public_key key;
	char comment[128]; /* foreign bytes, cut there or at their first NUL */
};
/* Keys of the kinds in key.h in the agent's order, malloc'ed (NULL when there are none); others are
 * passed over. After any outcome but OK and REFUSED the conversation is over: what is asked later
 * has that outcome too. */
int sshagent_list(struct sshagent *a, struct sshagent_key **ret, size_t *ret_n);
/* An SSH signature blob (string type, string signature, of a security key flags and counter),
 * malloc'ed. */
int sshagent_sign(struct sshagent *a, const struct public_key *key, const void *p, size_t n,
                  uint8_t **ret, size_t *ret_n);

/* The readers of the two answers (from their type on, without the length before it), pure. */
int sshagent_parse_keys(const void *p, size_t n, struct sshagent_key **ret, size_t *ret_n);
int sshagent_parse_signature(const void *p, size_t n, uint8_t **ret, size_t *ret_n);
