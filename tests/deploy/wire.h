/* SPDX-License-Identifier: Apache-2.0 */
/* What both test servers need of HTTP/1.1: a port on loopback, a request read whole, bytes sent. */
#pragma once

#include <stddef.h>

#include "registry/base/buf.h"

/* A listening socket; port 0: any. Aborts the program when it cannot be had. */
int wire_listen(unsigned port, unsigned *ret_port);
/* All of one request: head, and as many bytes as its Content-Length says. -1: closed before. */
int wire_read(int fd, struct buf *ret);
/* A client that has gone is no error: some tests want it. */
void wire_send(int fd, const char *p, size_t n);
