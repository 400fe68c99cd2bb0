/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: one screen of what is fine here and what is not, with what to do about it. What is looked
 * at is in the doctor_ files; here findings become lines, rows or JSON, and the exit status.
 */
#include "tui/cmd/cmd.h"

#include <stdarg.h>

#include "tui/cmd/doctor.h"

static const char *const level_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_NONE] = "none",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_BAD] = "bad",
};

static bool
is_for_people(const struct out *o)
{
	return out_format_of(o) == OUT_TEXT || out_format_of(o) == OUT_WIDE;
}

static void
show(struct doctor *d, const char *check, enum doctor_level level, const char *next,
     const char *text)
{
	struct out *const o = d->app->out;

	d->n[level]++;
	if (!is_for_people(o)) {
		out_cell(o, check);
		out_cell(o, level_names[level]);
		out_cell(o, text);
		out_cell(o, next);
		return;
	}
	out_text(o, "%-5s %-11s %s\n", level_names[level], check, text);
	if (next)
		out_text(o, "%-17s next: %s\n", "", next);
}

void
doctor_say(struct doctor *d, const char *check, enum doctor_level level, const char *next,
           const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	show(d, check, level, next, buf_cstr(&text));
}

void
doctor_say_err(struct doctor *d, const char *check, enum doctor_level level, const struct err *e)
{
	show(d, check, level, e->hint[0] ? e->hint : NULL, e->msg);
}

static const struct out_column columns[] = {
	{ "CHECK", "check", OUT_LEFT, false, true },
	{ "STATE", "state", OUT_LEFT, false, false },
	{ "FINDING", "text", OUT_LEFT, false, false },
	{ "NEXT", "next", OUT_LEFT, false, false },
};

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct doctor d = { .app = a };

	(void)in;
	if (!is_for_people(a->out))
		out_table_begin(a->out, "FindingList", columns, COUNT(columns));
	doctor_program(&d);
	doctor_person(&d);
	doctor_session(&d);
	doctor_registry(&d);
	if (!is_for_people(a->out))
		out_table_end(a->out);
	if (d.n[DOCTOR_BAD] == 0)
		return 0;
	return err_set(e, ERR_DIFFERENT, "%u of %u findings are bad", d.n[DOCTOR_BAD],
	               d.n[DOCTOR_OK] + d.n[DOCTOR_NONE] + d.n[DOCTOR_WARN] + d.n[DOCTOR_BAD]);
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "",
	.summary = "look at this machine, your keys and the registry, and say what to do",
	.group = "start",
	.flags = CMD_ANY_SETTINGS,
	.run = run,
	.examples = "  slipway doctor\n"
	            "  slipway doctor -o json\n",
};
