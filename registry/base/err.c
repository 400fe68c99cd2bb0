/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error values: filled where the noun is known, prefixed at most once a caller. Text that does not
 * fit ends in "..." on a character boundary. Nothing here prints or knows who will read it.
 */
#include "registry/base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct code_row {
	const char *name, *text;
	int exit;
};

static const struct code_row codes[] = {
	[ERR_OK] = { "OK", "done, or already so", 0 },
#define X(name, exit, text) [ERR_##name] = { #name, text, exit },
	ERR_CODES(X)
#undef X
};
static_assert(sizeof(codes) / sizeof(codes[0]) == ERR_COUNT, "one row per code");

static const struct code_row *
row_of(enum err_code c)
{
	/* a value outside the enum can only come from a defect of ours */
	return (unsigned)c < ERR_COUNT ? &codes[c] : &codes[ERR_BUG];
}

/* Shortens what snprintf cut: no half character, and a mark that something is missing. */
static void
mark_cut(char *s, size_t size)
{
	size_t n = size - 4;

	while (n > 0 && ((uint8_t)s[n] & 0xc0) == 0x80)
		n--;
	memcpy(s + n, "...", 4);
}

static void PRINTF(3, 0)
format(char *ret, size_t size, const char *fmt, va_list ap)
{
	const int n = vsnprintf(ret, size, fmt, ap);

	if (n < 0)
		ret[0] = '\0';
	else if ((size_t)n >= size)
		mark_cut(ret, size);
}

int
err_set(struct err *e, enum err_code c, const char *fmt, ...)
{
	char msg[sizeof(e->msg)]; /* the arguments may point into e */
	va_list ap;

	assert(c != ERR_OK);
	va_start(ap, fmt);
	format(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	e->code = c;
	e->sys = 0;
	memcpy(e->msg, msg, sizeof(msg));
	e->hint[0] = '\0';
	return -(int)c;
}

static enum err_code
code_of_errno(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case ENOENT:
		return ERR_NOT_FOUND;
	default:
		return ERR_SYS;
	}
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	const int sys = errno;
	const char *why = strerrordesc_np(sys);
	char msg[sizeof(e->msg)];
	char tail[96];
	size_t room;
	va_list ap;

	if (why)
		(void)snprintf(tail, sizeof(tail), ": %s", why);
	else
		(void)snprintf(tail, sizeof(tail), ": error %d", sys);

	/* the reason is worth more than the end of a long path, so it always fits */
	room = sizeof(msg) - strlen(tail);
	va_start(ap, fmt);
	format(msg, room, fmt, ap);
	va_end(ap);
	memcpy(msg + strlen(msg), tail, strlen(tail) + 1);
	e->code = code_of_errno(sys);
	e->sys = sys;
	memcpy(e->msg, msg, sizeof(msg));
	e->hint[0] = '\0';
	return -(int)e->code;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	char msg[2 * sizeof(e->msg) + 2]; /* the arguments may point into e */
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	format(msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	n = strlen(msg);
	if (n > 0 && msg[n - 1] != ' ') {
		memcpy(msg + n, ": ", 2);
		n += 2;
	}
	memcpy(msg + n, e->msg, strlen(e->msg) + 1);
	if (strlen(msg) >= sizeof(e->msg))
		mark_cut(msg, sizeof(e->msg));
	memcpy(e->msg, msg, sizeof(e->msg));
	return -(int)e->code;
}

int
err_hint(struct err *e, const char *fmt, ...)
{
	char hint[sizeof(e->hint)];
	va_list ap;

	va_start(ap, fmt);
	format(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	memcpy(e->hint, hint, sizeof(hint));
	return -(int)e->code;
}

void
err_clear(struct err *e)
{
	e->code = ERR_OK;
	e->sys = 0;
	e->msg[0] = '\0';
	e->hint[0] = '\0';
}

int
err_exit_status(const struct err *e)
{
	const int status = err_exit_of(e->code);

	return e->code == ERR_CANCELLED ? status + e->sys : status;
}

const char *
err_name(enum err_code c)
{
	return row_of(c)->name;
}

const char *
err_text(enum err_code c)
{
	return row_of(c)->text;
}

enum err_code
err_from_name(const char *name)
{
	for (size_t i = 1; i < ERR_COUNT; i++) {
		if (strcmp(codes[i].name, name) == 0)
			return (enum err_code)i;
	}
	return ERR_OK;
}

int
err_exit_of(enum err_code c)
{
	return row_of(c)->exit;
}
