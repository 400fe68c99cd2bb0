/* SPDX-License-Identifier: Apache-2.0 */
/* Error values: the table, truncation, arguments that point into the value itself, messages. */
#include "registry/base/err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "registry/base/message.h"
#include "registry/base/str.h"

Test(err, table_of_codes)
{
	static const struct {
		enum err_code code;
		const char *name;
		int exit;
	} cases[] = {
		{ ERR_OK, "OK", 0 },
		{ ERR_DIFFERENT, "DIFFERENT", 1 },
		{ ERR_USAGE, "USAGE", 2 },
		{ ERR_AMBIGUOUS, "AMBIGUOUS", 2 },
		{ ERR_NOT_FOUND, "NOT_FOUND", 3 },
		{ ERR_DENIED, "DENIED", 4 },
		{ ERR_CONFLICT, "CONFLICT", 5 },
		{ ERR_EXISTS, "EXISTS", 5 },
		{ ERR_LOCKED, "LOCKED", 5 },
		{ ERR_DIGEST, "DIGEST", 6 },
		{ ERR_SIGNATURE, "SIGNATURE", 6 },
		{ ERR_UNTRUSTED, "UNTRUSTED", 6 },
		{ ERR_MALFORMED, "MALFORMED", 6 },
		{ ERR_TOO_BIG, "TOO_BIG", 6 },
		{ ERR_POLICY, "POLICY", 7 },
		{ ERR_ROLLOUT_FAILED, "ROLLOUT_FAILED", 8 },
		{ ERR_OUTCOME_UNKNOWN, "OUTCOME_UNKNOWN", 9 },
		{ ERR_UNREACHABLE, "UNREACHABLE", 10 },
		{ ERR_NO_SPACE, "NO_SPACE", 11 },
		{ ERR_STORE, "STORE", 11 },
		{ ERR_SYS, "SYS", 11 },
		{ ERR_PARTIAL, "PARTIAL", 12 },
		{ ERR_NEEDS_PERSON, "NEEDS_PERSON", 13 },
		{ ERR_BUG, "BUG", 70 },
		{ ERR_CANCELLED, "CANCELLED", 128 },
	};
	struct err e = { 0 };

	cr_assert_eq(COUNT(cases), (size_t)ERR_COUNT, "a code without a case here");
	for (size_t i = 0; i < COUNT(cases); i++) {
		cr_expect_str_eq(err_name(cases[i].code), cases[i].name);
		cr_expect_eq(err_exit_of(cases[i].code), cases[i].exit, "%s", cases[i].name);
		cr_expect_eq(err_from_name(cases[i].name), cases[i].code, "%s", cases[i].name);
		cr_expect(err_text(cases[i].code)[0] != '\0', "%s", cases[i].name);
	}
	cr_expect_eq(err_from_name("NO_SUCH_CODE"), ERR_OK);
	cr_expect_eq(err_exit_status(&e), 0);
	cr_expect_eq(err_set(&e, ERR_CANCELLED, "ended"), -(int)ERR_CANCELLED);
	e.sys = 15;
	cr_expect_eq(err_exit_status(&e), 143);
}

Test(err, errno_becomes_a_code)
{
	static const struct {
		int sys;
		enum err_code code;
		const char *msg;
	} cases[] = {
		{ ENOSPC, ERR_NO_SPACE, "cannot write \"x\": No space left on device" },
		{ EDQUOT, ERR_NO_SPACE, "cannot write \"x\": Disk quota exceeded" },
		{ EACCES, ERR_DENIED, "cannot write \"x\": Permission denied" },
		{ EPERM, ERR_DENIED, "cannot write \"x\": Operation not permitted" },
		{ ENOENT, ERR_NOT_FOUND, "cannot write \"x\": No such file or directory" },
		{ EIO, ERR_SYS, "cannot write \"x\": Input/output error" },
		{ 99999, ERR_SYS, "cannot write \"x\": error 99999" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { .hint = "of an earlier error" };

		errno = cases[i].sys;
		cr_expect_eq(err_sys(&e, "cannot write \"%s\"", "x"), -(int)cases[i].code);
		cr_expect_eq(e.code, cases[i].code);
		cr_expect_eq(e.sys, cases[i].sys);
		cr_expect_str_eq(e.msg, cases[i].msg);
		cr_expect_str_eq(e.hint, "");
	}
}

Test(err, text_that_does_not_fit)
{
	char long_text[2000];
	struct err e = { .sys = 5, .hint = "old" };

	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	cr_expect_eq(err_set(&e, ERR_USAGE, "%s", long_text), -(int)ERR_USAGE);
	cr_expect_eq(strlen(e.msg), sizeof(e.msg) - 1);
	cr_expect(has_suffix(e.msg, "aaa..."));
	cr_expect_eq(e.sys, 0);
	cr_expect_str_eq(e.hint, "");

	/* the reason stays, the long path gives way */
	errno = ENOSPC;
	(void)err_sys(&e, "%s", long_text);
	cr_expect_eq(strlen(e.msg), sizeof(e.msg) - 1);
	cr_expect(has_suffix(e.msg, "a...: No space left on device"));

	(void)err_prefix(&e, "import %s", "m");
	cr_expect(has_prefix(e.msg, "import m: aaa"));
	cr_expect_eq(strlen(e.msg), sizeof(e.msg) - 1);
	(void)err_prefix(&e, "%s", long_text);
	cr_expect_eq(strlen(e.msg), sizeof(e.msg) - 1);

	/* no half character: e-acute is two bytes, and every cut position is tried */
	for (size_t shift = 0; shift < 3; shift++) {
		char accents[1200];
		size_t end;

		for (size_t i = 0; i < sizeof(accents) - 1; i++)
			accents[i] = i < shift ? 'x' : (i - shift) % 2 ? '\xa9' : '\xc3';
		accents[sizeof(accents) - 1] = '\0';
		(void)err_set(&e, ERR_USAGE, "%s", accents);
		cr_expect(has_suffix(e.msg, "..."));
		end = strlen(e.msg) - strlen("...");
		cr_expect_eq(e.msg[end - 1], '\xa9', "shift %zu", shift);
		(void)err_hint(&e, "%s", accents);
		cr_expect_eq(e.hint[strlen(e.hint) - 4], '\xa9', "hint, shift %zu", shift);
	}
}

Test(err, prefixes_and_hints)
{
	struct err e = { 0 };

	(void)err_set(&e, ERR_DIGEST, "verify");
	/* the value may be its own argument */
	cr_expect_eq(err_set(&e, ERR_UNTRUSTED, "%s: key is not trusted", e.msg),
		     -(int)ERR_UNTRUSTED);
	cr_expect_str_eq(e.msg, "verify: key is not trusted");
	cr_expect_eq(err_prefix(&e, "promote %s@v%d", "m", 4), -(int)ERR_UNTRUSTED);
	cr_expect_str_eq(e.msg, "promote m@v4: verify: key is not trusted");
	cr_expect_eq(err_prefix(&e, "now: "), -(int)ERR_UNTRUSTED);
	cr_expect_str_eq(e.msg, "now: promote m@v4: verify: key is not trusted");
	cr_expect_eq(err_hint(&e, "try \"%s\"", "key list"), -(int)ERR_UNTRUSTED);
	cr_expect_str_eq(e.hint, "try \"key list\"");
	err_clear(&e);
	cr_expect_eq(e.code, ERR_OK);
	cr_expect_str_eq(e.msg, "");
	cr_expect_str_eq(e.hint, "");
}

struct seen {
	int n;
	enum message_level level;
	char text[64];
};

static void
remember(void *arg, enum message_level level, const char *text)
{
	struct seen *const s = arg;

	s->n++;
	s->level = level;
	(void)str_copy(s->text, sizeof(s->text), text);
}

Test(err, messages_reach_the_sink_only)
{
	struct seen s = { 0 };

	message(MESSAGE_WARNING, "before there is a sink");
	message_sink(remember, &s);
	cr_expect_eq(s.n, 0);
	message(MESSAGE_NOTE, "a torn last line of %d bytes was cut off", 37);
	cr_expect_eq(s.n, 1);
	cr_expect_eq(s.level, MESSAGE_NOTE);
	cr_expect_str_eq(s.text, "a torn last line of 37 bytes was cut off");
	message_sink(NULL, NULL);
	message(MESSAGE_NOTE, "after");
	cr_expect_eq(s.n, 1);
}
