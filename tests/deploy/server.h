/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted HTTP/1.1 server on loopback, in a child process: it expects the steps in their order,
 * compares every request byte by byte with what the step says, and answers as the step says, well
 * or badly. server_end tells what went otherwise.
 */
#pragma once

#include <stddef.h>

enum step_how {
	STEP_ANSWER,  /* status, type, reply; the connection stays open */
	STEP_RAW,     /* reply as it is, then the connection is closed */
	STEP_SILENT,  /* never an answer */
	STEP_ENDLESS, /* a chunked body without an end */
};

struct step {
	const char *request; /* "POST /v2/repository/index" */
	const char *body;    /* sent as application/json; NULL: a request without one */
	enum step_how how;
	int status;
	const char *type;  /* NULL: application/json */
	const char *reply; /* NULL: empty */
	/* NULL: that anything is accepted, and the type of body; else these in their place */
	const char *headers;
};

struct server;
/* steps are copied; aborts the test when the server cannot be had */
struct server *server_start(const struct step *steps, size_t n);
const char *server_url(const struct server *s); /* http://127.0.0.1:port */
/* Ends the child. ret gets "" when all steps were played, else the first thing that went
 * otherwise. */
void server_end(struct server *s, char *ret, size_t size);
/* An address where nobody listens. */
void server_nobody(char *ret, size_t size);
