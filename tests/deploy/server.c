/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scripted server. One process, one poll loop: clients may keep connections open and come back
 * on new ones. What it saw goes through memory shared with the test. It knows the headers that our
 * client sends and no others, so that a new one is seen.
 */
#include "tests/deploy/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/buf.h"
#include "registry/base/str.h"
#include "tests/deploy/wire.h"

#define CONNECTIONS 16

struct seen {
	size_t played;
	char complaint[1024];
};

struct server {
	pid_t pid;
	unsigned port;
	char url[64];
	size_t n;
	struct seen *seen;
};

struct play {
	const struct step *steps;
	size_t n;
	unsigned port;
	struct seen *seen;
};

static void PRINTF(2, 3)
complain(struct seen *s, const char *fmt, ...)
{
	va_list ap;

	if (s->complaint[0])
		return; /* the first one counts */
	va_start(ap, fmt);
	(void)vsnprintf(s->complaint, sizeof(s->complaint), fmt, ap);
	va_end(ap);
}

static void
expected(const struct play *p, const struct step *s, struct buf *ret)
{
	buf_addf(ret, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: slipway/%s\r\n",
	         s->request, p->port, SLIPWAY_VERSION);
	if (s->headers)
		buf_adds(ret, s->headers);
	else
		buf_addf(ret, "Accept: */*\r\n%s",
		         s->body ? "Content-Type: application/json\r\n" : "");
	if (s->body)
		buf_addf(ret, "Content-Length: %zu\r\n", strlen(s->body));
	buf_adds(ret, "\r\n");
	if (s->body)
		buf_adds(ret, s->body);
}

static void
compare(const struct play *p, size_t step, struct buf *got)
{
	cleanup_buf struct buf want = { 0 };
	size_t i = 0;

	expected(p, &p->steps[step], &want);
	while (i < want.n && i < got->n && want.p[i] == got->p[i])
		i++;
	if (i < want.n || i < got->n)
		complain(p->seen,
		         "step %zu: request differs at byte %zu: got \"%.300s\", want \"%.300s\"",
		         step, i, buf_cstr(got), buf_cstr(&want));
}

static void
send_endless(int fd)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char chunk[] = "10\r\n                \r\n";

	wire_send(fd, head, sizeof(head) - 1);
	while (send(fd, chunk, sizeof(chunk) - 1, MSG_NOSIGNAL) > 0)
		continue;
}

/* Answers; false when the connection is to be closed. */
static bool
answer(int fd, const struct step *s)
{
	cleanup_buf struct buf b = { 0 };
	const char *reply = s->reply ? s->reply : "";

	switch (s->how) {
	case STEP_RAW:
		wire_send(fd, reply, strlen(reply));
		return false;
	case STEP_SILENT:
		return true;
	case STEP_ENDLESS:
		send_endless(fd);
		return false;
	case STEP_ANSWER:
	default:
		buf_addf(&b,
		         "HTTP/1.1 %d Said\r\nContent-Type: %s\r\nContent-Length: "
		         "%zu\r\n\r\n%s", s->status,
		         s->type ? s->type : "application/json", strlen(reply), reply);
		wire_send(fd, b.p, b.n);
		return true;
	}
}

static bool
serve_one(const struct play *p, int fd)
{
	cleanup_buf struct buf request = { 0 };
	const size_t step = p->seen->played;

	if (wire_read(fd, &request) < 0)
		return false;
	if (step >= p->n) {
		complain(p->seen, "a request after the last step: \"%.200s\"", buf_cstr(&request));
		return false;
	}
	compare(p, step, &request);
	p->seen->played++;
	return answer(fd, &p->steps[step]);
}

static void
play(const struct play *p, int listener)
{
	struct pollfd fds[CONNECTIONS] = { { .fd = listener, .events = POLLIN } };
	nfds_t n = 1;

	for (;;) {
		if (poll(fds, n, -1) < 0)
			continue;
		for (nfds_t i = n; i-- > 1;) {
			if (!fds[i].revents || serve_one(p, fds[i].fd))
				continue;
			(void)close(fds[i].fd);
			fds[i] = fds[--n];
		}
		if (fds[0].revents && n < CONNECTIONS) {
			fds[n].fd = accept(listener, NULL, NULL);
			fds[n].events = POLLIN;
			fds[n].revents = 0;
			n += fds[n].fd >= 0 ? 1 : 0;
		}
	}
}

struct server *
server_start(const struct step *steps, size_t n)
{
	struct server *s = xcalloc(1, sizeof(*s));
	const int listener = wire_listen(0, &s->port);

	s->n = n;
	s->seen = mmap(NULL, sizeof(*s->seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	               -1, 0);
	if (s->seen == MAP_FAILED)
		abort();
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
	s->pid = fork();
	if (s->pid < 0)
		abort();
	if (s->pid == 0) {
		const struct play p = { steps, n, s->port, s->seen };

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		play(&p, listener);
	}
	(void)close(listener);
	return s;
}

const char *
server_url(const struct server *s)
{
	return s->url;
}

void
server_end(struct server *s, char *ret, size_t size)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	if (!s->seen->complaint[0] && s->seen->played < s->n)
		(void)snprintf(ret, size, "only %zu of %zu steps were played", s->seen->played,
		               s->n);
	else
		(void)snprintf(ret, size, "%s", s->seen->complaint);
	(void)munmap(s->seen, sizeof(*s->seen));
	free(s);
}

void
server_nobody(char *ret, size_t size)
{
	unsigned port;

	(void)close(wire_listen(0, &port));
	(void)snprintf(ret, size, "http://127.0.0.1:%u", port);
}
