/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and requests of the test servers; they are blocking, and a client of ours writes at once.
 */
#include "tests/deploy/wire.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "registry/base/str.h"

#define BACKLOG     16
#define REQUEST_MAX (8u << 20)

int
wire_listen(unsigned port, unsigned *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_port = htons((uint16_t)port),
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		abort();
	*ret_port = ntohs(a.sin_port);
	return fd;
}

int
wire_read(int fd, struct buf *ret)
{
	static const char field[] = "\r\nContent-Length: ";
	size_t want = 0;

	for (;;) {
		const char *head =
		        want == 0 && ret->n > 0 ? strstr(buf_cstr(ret), "\r\n\r\n") : NULL;
		ssize_t n;

		if (head) {
			const char *length = strstr(buf_cstr(ret), field);
			uint64_t body = 0;

			if (length) {
				length += sizeof(field) - 1;
				(void)parse_u64_n(length, strcspn(length, "\r"), REQUEST_MAX,
				                  &body);
			}
			want = (size_t)(head - buf_cstr(ret)) + 4 + body;
		}
		if (want > 0 && ret->n >= want)
			return 0;
		n = read(fd, buf_reserve(ret, 4096), 4096);
		if (n <= 0 || ret->n > REQUEST_MAX)
			return -1;
		ret->n += (size_t)n;
	}
}

void
wire_send(int fd, const char *p, size_t n)
{
	while (n > 0) {
		const ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		p += sent;
		n -= (size_t)sent;
	}
}
