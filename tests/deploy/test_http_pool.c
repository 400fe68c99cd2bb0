/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that are shared: one for who comes one after the other, one each for who comes at the
 * same time, and never one that was made in another way. The server is a thread that counts.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deploy/http.h"
#include "deploy/side_by_side.h"
#include "tests/deploy/wire.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define PEERS  16

TestSuite(http_pool, .timeout = 60);

struct counter {
	int listener;
	char url[64];
	size_t together; /* so many requests are read before any is answered */
	unsigned made, ended;
	pthread_t thread;
};

/* Answers those that are waiting when there are enough. */
static size_t
answer(const struct pollfd *fds, size_t n, bool *waits, size_t together)
{
	size_t waiting = 0;

	for (size_t i = 1; i < n; i++)
		waiting += waits[i];
	for (size_t i = 1; waiting >= together && i < n; i++) {
		if (waits[i])
			wire_send(fds[i].fd, ANSWER, strlen(ANSWER));
		waits[i] = false;
	}
	return waiting;
}

/* Until its listener is shut down. */
static void *
count(void *arg)
{
	struct counter *const c = arg;
	struct pollfd fds[PEERS] = { { .fd = c->listener, .events = POLLIN } };
	bool waits[PEERS] = { false };
	size_t n = 1;

	for (;;) {
		(void)poll(fds, n, -1);
		for (size_t i = 1; i < n; i++) {
			cleanup_buf struct buf request = { 0 };

			if (!fds[i].revents)
				continue;
			if (wire_read(fds[i].fd, &request) == 0) {
				waits[i] = true;
				continue;
			}
			(void)close(fds[i].fd);
			fds[i] = (struct pollfd){ .fd = -1 };
			(void)__atomic_add_fetch(&c->ended, 1, __ATOMIC_SEQ_CST);
		}
		(void)answer(fds, n, waits, c->together);
		if (!fds[0].revents)
			continue;
		fds[n] = (struct pollfd){ .fd = accept(c->listener, NULL, NULL), .events = POLLIN };
		if (fds[n].fd < 0)
			return NULL;
		n++;
		(void)__atomic_add_fetch(&c->made, 1, __ATOMIC_SEQ_CST);
	}
}

static void
begin(struct counter *c, size_t together)
{
	unsigned port;

	*c = (struct counter){ .together = together };
	c->listener = wire_listen(0, &port);
	(void)snprintf(c->url, sizeof c->url, "http://127.0.0.1:%u/x", port);
	cr_assert_eq(pthread_create(&c->thread, NULL, count, c), 0);
}

static void
end(struct counter *c)
{
	(void)shutdown(c->listener, SHUT_RDWR);
	(void)pthread_join(c->thread, NULL);
	(void)close(c->listener);
}

static unsigned
seen(const unsigned *n)
{
	return __atomic_load_n(n, __ATOMIC_SEQ_CST);
}

struct ask {
	struct http_pool *pool;
	const char *url;
	int rc[8];
};

static void
ask(void *arg, size_t i)
{
	struct ask *const a = arg;
	const struct http_request q = { .method = "GET", .url = a->url, .safe_to_repeat = true };
	cleanup_response struct http_response r = { 0 };
	struct err e = { 0 };

	a->rc[i] = http_pool_perform(a->pool, &q, &r, &e);
	if (a->rc[i] == 0 && (r.status != 200 || !streq(buf_cstr(&r.body), "ok")))
		a->rc[i] = -1;
}

Test(http_pool, one_after_the_other_is_one_connection)
{
	const struct http_options o = { .ca_pem = { "ca", 2 } };
	struct http_pool *first, *second;
	struct counter c;
	struct err e = { 0 };

	begin(&c, 1);
	cr_assert_eq(http_pool_open(&o, &first, &e), 0);
	cr_assert_eq(http_pool_open(&o, &second, &e), 0);
	for (size_t i = 0; i < 6; i++) {
		struct ask a = { .pool = i % 2 ? first : second, .url = c.url };

		ask(&a, i);
		cr_expect_eq(a.rc[i], 0);
	}
	cr_expect_eq(seen(&c.made), 1);
	http_pool_close(first);
	usleep(50000);
	cr_expect_eq(seen(&c.ended), 0, "the second still has it");
	http_pool_close(second);
	for (unsigned i = 0; i < 1000 && seen(&c.ended) == 0; i++)
		usleep(10000);
	cr_expect_eq(seen(&c.ended), 1, "nobody has it any more");
	end(&c);
}

Test(http_pool, at_the_same_time_nobody_waits_for_another)
{
	const struct http_options o = { 0 };
	struct counter c;
	struct err e = { 0 };
	struct ask a;

	begin(&c, 8);
	a = (struct ask){ .url = c.url };
	cr_assert_eq(http_pool_open(&o, &a.pool, &e), 0);
	side_by_side(0, 8, ask, &a);
	for (size_t i = 0; i < 8; i++)
		cr_expect_eq(a.rc[i], 0, "%zu", i);
	cr_expect_eq(seen(&c.made), 8);
	http_pool_close(a.pool);
	end(&c);
}

/* What was proved to a server over a connection must not serve somebody else. */
Test(http_pool, another_way_is_another_connection)
{
	static const struct http_options ways[] = {
		{ 0 },
		{ .ca_file = "/a" },
		{ .ca_file = "/b" },
		{ .ca_pem = { "ca", 2 } },
		{ .ca_pem = { "cb", 2 } },
		{ .ca_pem = { "ca", 2 }, .cert_pem = { "c", 1 }, .key_pem = { "k", 1 } },
		{ .ca_pem = { "ca", 2 }, .cert_pem = { "d", 1 }, .key_pem = { "k", 1 } },
		{ .ca_pem = { "ca", 2 }, .cert_pem = { "c", 1 }, .key_pem = { "l", 1 } },
		{ .server_name = "a" },
		{ .proxy = "http://p" },
		{ .proxy = "http://p", .no_proxy = "a" },
		{ .sigv4 = "s" },
		{ .sigv4 = "s", .user = "u" },
		{ .sigv4 = "s", .user = "u", .password = "p" },
		{ .user_agent = "a" },
		{ .allow_plain = true },
		{ .skip_verify = true },
		{ .connect_ms = 1 },
	};
	struct http_pool *pools[COUNT(ways)];
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(ways); i++) {
		struct http_pool *again = NULL;

		cr_assert_eq(http_pool_open(&ways[i], &pools[i], &e), 0);
		for (size_t k = 0; k < i; k++)
			cr_expect_neq(pools[i], pools[k], "%zu is taken for %zu", i, k);
		cr_assert_eq(http_pool_open(&ways[i], &again, &e), 0);
		cr_expect_eq(again, pools[i], "%zu", i);
		http_pool_close(again);
	}
	for (size_t i = 0; i < COUNT(ways); i++)
		http_pool_close(pools[i]);
	http_pool_close(NULL);
}
