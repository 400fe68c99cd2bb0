/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question, one answer, each behind its length. A deadline covers both, since an agent may as
 * well not read as not write. The answers are read by pure functions over what came. Who is asked
 * to touch a key, and what a signature is good for, is not known here.
 */
#include "crypto/sshagent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "crypto/sshwire.h"

enum message {
	MESSAGE_FAILURE = 5,
	MESSAGE_REQUEST_IDENTITIES = 11,
	MESSAGE_IDENTITIES_ANSWER = 12,
	MESSAGE_SIGN_REQUEST = 13,
	MESSAGE_SIGN_RESPONSE = 14,
	MESSAGE_FAILURE_SSH2 = 30, /* the same of old agents */
	MESSAGE_FAILURE_SSHCOM = 102,
};

struct sshagent {
	int fd;
	int timeout_ms;
	int over;  /* why nothing can be asked any more, or 0 */
	int error; /* errno of then */
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
system_status(int error)
{
	errno = error;
	return SSHAGENT_SYSTEM;
}

static int
connect_status(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		return SSHAGENT_ABSENT;
	case EAGAIN: /* its queue stayed full for SO_SNDTIMEO */
		return SSHAGENT_TIMEOUT;
	default:
		return system_status(error);
	}
}

static int
connect_to(int fd, const char *path, int timeout_ms)
{
	const struct timeval limit = { .tv_sec = timeout_ms / 1000,
		                       .tv_usec = timeout_ms % 1000 * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t n = strlen(path);

	if (n >= sizeof address.sun_path)
		return system_status(ENAMETOOLONG);
	memcpy(address.sun_path, path, n + 1);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		return system_status(errno);
	while (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		if (errno != EINTR)
			return connect_status(errno);
	}
	return SSHAGENT_OK;
}

/* Who listens there must be who asks: an agent of somebody else would learn what is signed. */
static int
check_owner(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return system_status(errno);
	return n == sizeof peer && peer.uid == geteuid() ? SSHAGENT_OK : SSHAGENT_FOREIGN;
}

int
sshagent_open(const char *path, int timeout_ms, struct sshagent **ret)
{
	struct sshagent *a;
	int rc;

	if (!path)
		path = getenv("SSH_AUTH_SOCK");
	if (!path || path[0] == '\0')
		return SSHAGENT_ABSENT;
	a = malloc(sizeof *a);
	if (!a)
		return system_status(ENOMEM);
	*a = (struct sshagent){ .timeout_ms = timeout_ms };
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = a->fd < 0 ? system_status(errno) : connect_to(a->fd, path, timeout_ms);
	if (rc == SSHAGENT_OK)
		rc = check_owner(a->fd);
	if (rc < 0) {
		sshagent_close(a);
		return rc;
	}
	*ret = a;
	return SSHAGENT_OK;
}

void
sshagent_close(struct sshagent *a)
{
	const int error = errno;

	if (!a)
		return;
	if (a->fd >= 0)
		(void)close(a->fd);
	free(a);
	errno = error;
}

/* Waits until something can be done, or has failed: the next call says which. */
static int
wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		const int64_t left_ms = deadline_ms - now_ms();
		int rc;

		if (left_ms <= 0)
			return SSHAGENT_TIMEOUT;
		rc = poll(&p, 1, (int)left_ms);
		if (rc > 0)
			return SSHAGENT_OK;
		if (rc < 0 && errno != EINTR)
			return system_status(errno);
	}
}

/* What a failed send or recv means; 0: try again. */
static int
transfer_status(int fd, short events, int64_t deadline_ms)
{
	switch (errno) {
	case EINTR:
		return SSHAGENT_OK;
	case EAGAIN:
		return wait_for(fd, events, deadline_ms);
	case EPIPE:
	case ECONNRESET:
		return SSHAGENT_MALFORMED;
	default:
		return SSHAGENT_SYSTEM;
	}
}

static int
send_all(int fd, const uint8_t *p, size_t n, int64_t deadline_ms)
{
	while (n > 0) {
		const ssize_t sent = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		int rc;

		if (sent < 0) {
			rc = transfer_status(fd, POLLOUT, deadline_ms);
			if (rc < 0)
				return rc;
			continue;
		}
		p += sent;
		n -= (size_t)sent;
	}
	return SSHAGENT_OK;
}

static int
receive_all(int fd, uint8_t *p, size_t n, int64_t deadline_ms)
{
	while (n > 0) {
		const ssize_t got = recv(fd, p, n, MSG_DONTWAIT);
		int rc;

		if (got == 0)
			return SSHAGENT_MALFORMED;
		if (got < 0) {
			rc = transfer_status(fd, POLLIN, deadline_ms);
			if (rc < 0)
				return rc;
			continue;
		}
		p += got;
		n -= (size_t)got;
	}
	return SSHAGENT_OK;
}

static int
receive_answer(int fd, int64_t deadline_ms, uint8_t **ret, size_t *ret_n)
{
	uint8_t head[4], *p;
	struct sshwire r = { head, sizeof head };
	uint32_t n;
	int rc;

	rc = receive_all(fd, head, sizeof head, deadline_ms);
	if (rc < 0)
		return rc;
	if (sshwire_take_u32(&r, &n) < 0 || n == 0 || n > SSHAGENT_REPLY_MAX)
		return SSHAGENT_MALFORMED;
	p = malloc(n);
	if (!p)
		return system_status(ENOMEM);
	rc = receive_all(fd, p, n, deadline_ms);
	if (rc < 0) {
		free(p);
		return rc;
	}
	*ret = p;
	*ret_n = n;
	return SSHAGENT_OK;
}

/* request has its length in front. */
static int
exchange(struct sshagent *a, const uint8_t *request, size_t request_n, uint8_t **ret, size_t *ret_n)
{
	const int64_t deadline_ms = now_ms() + a->timeout_ms;
	int rc = send_all(a->fd, request, request_n, deadline_ms);

	if (rc < 0)
		return rc;
	return receive_answer(a->fd, deadline_ms, ret, ret_n);
}

/* What came is out of step with what was asked, or may come later: no second question. */
static int
finish(struct sshagent *a, int rc)
{
	if (rc != SSHAGENT_OK && rc != SSHAGENT_REFUSED) {
		a->over = rc;
		a->error = errno;
	}
	return rc;
}

static int
status_of(const struct sshagent *a)
{
	errno = a->error;
	return a->over;
}

/* Takes the type: OK when it is the one wanted, REFUSED when it is a refusal and nothing more. */
static int
take_type(struct sshwire *r, uint8_t want)
{
	uint8_t type;

	if (sshwire_take_u8(r, &type) < 0)
		return SSHAGENT_MALFORMED;
	if (type == want)
		return SSHAGENT_OK;
	if (type != MESSAGE_FAILURE && type != MESSAGE_FAILURE_SSH2 &&
	    type != MESSAGE_FAILURE_SSHCOM)
		return SSHAGENT_MALFORMED;
	return r->n == 0 ? SSHAGENT_REFUSED : SSHAGENT_MALFORMED;
}

/* Of one key: 1 when it is of a kind that we know, 0 when not. */
static int
take_key(struct sshwire *r, struct sshagent_key *ret)
{
	const uint8_t *wire, *comment;
	size_t wire_n, comment_n;

	if (sshwire_take_string(r, &wire, &wire_n) < 0 ||
	    sshwire_take_string(r, &comment, &comment_n) < 0)
		return SSHAGENT_MALFORMED;
	*ret = (struct sshagent_key){ 0 };
	if (key_parse_wire(&ret->key, wire, wire_n) < 0)
		return 0;
	memcpy(ret->comment, comment,
	       comment_n < sizeof ret->comment ? comment_n : sizeof ret->comment - 1);
	return 1;
}

/* All of them, into ret when that is not NULL; how many we know. The count that the agent names is
 * compared with what there is and reserves nothing. */
static int
take_keys(struct sshwire r, struct sshagent_key *ret, size_t *ret_n)
{
	struct sshagent_key key;
	size_t known = 0;
	uint32_t count;
	int rc;

	if (sshwire_take_u32(&r, &count) < 0)
		return SSHAGENT_MALFORMED;
	for (; count > 0; count--) {
		rc = take_key(&r, &key);
		if (rc < 0)
			return rc;
		if (rc > 0 && ret)
			ret[known] = key;
		known += (size_t)rc;
	}
	*ret_n = known;
	return r.n == 0 ? SSHAGENT_OK : SSHAGENT_MALFORMED;
}

int
sshagent_parse_keys(const void *p, size_t n, struct sshagent_key **ret, size_t *ret_n)
{
	struct sshwire r = { p, n };
	struct sshagent_key *keys = NULL;
	size_t keys_n;
	int rc;

	rc = take_type(&r, MESSAGE_IDENTITIES_ANSWER);
	if (rc == SSHAGENT_OK)
		rc = take_keys(r, NULL, &keys_n);
	if (rc < 0)
		return rc;
	if (keys_n > 0) {
		keys = calloc(keys_n, sizeof *keys);
		if (!keys)
			return system_status(ENOMEM);
		(void)take_keys(r, keys, &keys_n);
	}
	*ret = keys;
	*ret_n = keys_n;
	return SSHAGENT_OK;
}

int
sshagent_parse_signature(const void *p, size_t n, uint8_t **ret, size_t *ret_n)
{
	struct sshwire r = { p, n };
	const uint8_t *sig;
	uint8_t *copy;
	size_t sig_n;
	int rc;

	rc = take_type(&r, MESSAGE_SIGN_RESPONSE);
	if (rc < 0)
		return rc;
	if (sshwire_take_string(&r, &sig, &sig_n) < 0 || sig_n == 0 || r.n > 0)
		return SSHAGENT_MALFORMED;
	copy = malloc(sig_n);
	if (!copy)
		return system_status(ENOMEM);
	memcpy(copy, sig, sig_n);
	*ret = copy;
	*ret_n = sig_n;
	return SSHAGENT_OK;
}

int
sshagent_list(struct sshagent *a, struct sshagent_key **ret, size_t *ret_n)
{
	static const uint8_t request[] = { 0, 0, 0, 1, MESSAGE_REQUEST_IDENTITIES };
	uint8_t *answer;
	size_t answer_n;
	int rc;

	if (a->over)
		return status_of(a);
	rc = exchange(a, request, sizeof request, &answer, &answer_n);
	if (rc < 0)
		return finish(a, rc);
	rc = sshagent_parse_keys(answer, answer_n, ret, ret_n);
	free(answer);
	return finish(a, rc);
}

/* With its length in front, malloc'ed; NULL: errno says why. */
static uint8_t *
sign_request(const struct public_key *key, const void *p, size_t n, size_t *ret_n)
{
	uint8_t wire[KEY_WIRE_MAX], *request, *at;
	size_t wire_n, body_n;

	key_wire(key, wire, &wire_n);
	body_n = 1 + 4 + wire_n + 4 + 4; /* and n more */
	if (n > SSHAGENT_REPLY_MAX - body_n) {
		errno = EMSGSIZE;
		return NULL;
	}
	body_n += n;
	request = malloc(4 + body_n);
	if (!request)
		return NULL;
	at = sshwire_put_u32(request, (uint32_t)body_n);
	*at++ = MESSAGE_SIGN_REQUEST;
	at = sshwire_put_string(at, wire, wire_n);
	at = sshwire_put_string(at, p, n);
	(void)sshwire_put_u32(at, 0); /* flags: they choose a hash for RSA */
	*ret_n = 4 + body_n;
	return request;
}

int
sshagent_sign(struct sshagent *a, const struct public_key *key, const void *p, size_t n,
              uint8_t **ret, size_t *ret_n)
{
	uint8_t *request, *answer;
	size_t request_n, answer_n;
	int rc;

	if (a->over)
		return status_of(a);
	request = sign_request(key, p, n, &request_n);
	if (!request)
		return SSHAGENT_SYSTEM;
	rc = exchange(a, request, request_n, &answer, &answer_n);
	free(request);
	if (rc < 0)
		return finish(a, rc);
	rc = sshagent_parse_signature(answer, answer_n, ret, ret_n);
	free(answer);
	return finish(a, rc);
}
