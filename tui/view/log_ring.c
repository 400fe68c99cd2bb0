/* SPDX-License-Identifier: Apache-2.0 */
/* Lines come nearly in order: where one belongs is looked for from the end. */
#include "tui/view/log_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/json.h"

#define SLACK 1000u /* dropped ones that may lie in front before they are moved away */

static void
line_fini(struct printed *l)
{
	free(l->who);
	free(l->text);
	*l = (struct printed){ 0 };
}

void
log_ring_fini(struct log_ring *r)
{
	vec_foreach(l, &r->lines)
		line_fini(l);
	vec_fini(&r->lines);
	if (r->has_filter)
		regfree(&r->filter);
	r->has_filter = false;
}

size_t
log_ring_n(const struct log_ring *r)
{
	return r->lines.n - r->first;
}

const struct printed *
log_ring_at(const struct log_ring *r, size_t i)
{
	return i < log_ring_n(r) ? &r->lines.v[r->first + i] : NULL;
}

static size_t
size_of(const struct printed *l)
{
	return strlen(l->who) + strlen(l->text);
}

static void
drop_first(struct log_ring *r)
{
	struct printed *l = &r->lines.v[r->first++];

	r->bytes -= size_of(l);
	r->hits -= l->is_hit;
	r->dropped++;
	line_fini(l);
}

static void
compact(struct log_ring *r)
{
	if (r->first < SLACK)
		return;
	memmove(r->lines.v, r->lines.v + r->first, log_ring_n(r) * sizeof(*r->lines.v));
	r->lines.n -= r->first;
	r->first = 0;
}

/* The words that servers begin their lines with; anywhere in the first part. */
static enum log_level
level_of(const char *text)
{
	static const struct {
		const char *word;
		enum log_level level;
	} words[] = { { "ERROR", LOG_ERROR },
		      { "FATAL", LOG_ERROR },
		      { "CRITICAL", LOG_ERROR },
		      { "Traceback", LOG_ERROR },
		      { "WARN", LOG_WARNING } };
	char head[81];

	(void)snprintf(head, sizeof(head), "%s", text);
	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(head, words[i].word))
			return words[i].level;
	return LOG_PLAIN;
}

static bool
is_hit(const struct log_ring *r, const struct printed *l)
{
	return r->has_filter && (regexec(&r->filter, l->text, 0, NULL, 0) == 0 ||
	                         regexec(&r->filter, l->who, 0, NULL, 0) == 0);
}

/* With all its digits, so that times compare as texts. */
static void
time_set(char ret[static 32], const char *s)
{
	const size_t seconds = strlen("2026-10-26T07:00:02");
	size_t n = seconds;

	ret[0] = '\0';
	if (strlen(s) <= seconds)
		return;
	memcpy(ret, s, seconds);
	ret[n++] = '.';
	for (const char *p = s + seconds + 1; s[seconds] == '.' && *p >= '0' && *p <= '9'; p++)
		if (n < seconds + 10)
			ret[n++] = *p;
	while (n < seconds + 10)
		ret[n++] = '0';
	ret[n] = '\0';
}

size_t
log_ring_add(struct log_ring *r, const char *time, const char *who, const char *text, bool is_told)
{
	const size_t dropped = r->dropped;
	struct printed l = { .who = xasprintf("%.128s", who),
		             .text = xasprintf("%.*s", (int)LOG_RING_LINE, text) };
	size_t at;

	time_set(l.time, time);
	l.level = is_told ? LOG_TOLD : level_of(l.text);
	l.is_hit = is_hit(r, &l);
	r->hits += l.is_hit;
	r->bytes += size_of(&l);
	r->total++;
	vec_push(&r->lines, l);
	for (at = r->lines.n - 1; l.time[0] && at > r->first; at--) {
		const struct printed *before = &r->lines.v[at - 1];
		if (!before->time[0] || strcmp(before->time, l.time) <= 0)
			break;
		r->lines.v[at] = *before;
	}
	r->lines.v[at] = l;
	while (log_ring_n(r) > LOG_RING_LINES || (r->bytes > LOG_RING_BYTES && log_ring_n(r) > 1))
		drop_first(r);
	compact(r);
	return r->dropped - dropped;
}

bool
log_ring_take(struct log_ring *r, struct str line, size_t *ret_dropped)
{
	cleanup_json json_t *o = NULL;
	struct err ignored = { 0 };
	const char *text, *who, *time;

	*ret_dropped = 0;
	if (json_parse(line, "a line", &o, &ignored) < 0)
		return false;
	text = json_opt_string(o, "text");
	who = json_opt_string(o, "instance");
	time = json_opt_string(o, "time");
	if (!text || !who)
		return false;
	*ret_dropped = log_ring_add(r, time ? time : "", who, text, false);
	return true;
}

int
log_ring_filter(struct log_ring *r, const char *pattern, char ret_why[static 80])
{
	regex_t filter;
	int rc;

	ret_why[0] = '\0';
	if (pattern[0]) {
		rc = regcomp(&filter, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB);
		if (rc != 0) {
			(void)regerror(rc, &filter, ret_why, 80);
			return -1;
		}
	}
	if (r->has_filter)
		regfree(&r->filter);
	r->has_filter = pattern[0] != '\0';
	if (r->has_filter)
		r->filter = filter;
	r->hits = 0;
	for (size_t i = r->first; i < r->lines.n; i++) {
		r->lines.v[i].is_hit = is_hit(r, &r->lines.v[i]);
		r->hits += r->lines.v[i].is_hit;
	}
	return 0;
}

size_t
log_ring_hit(const struct log_ring *r, size_t i, bool forward)
{
	const size_t n = log_ring_n(r);

	for (size_t step = 1; r->hits > 0 && step <= n; step++) {
		const size_t at = forward ? (i + step) % n : (i + n - step) % n;
		if (log_ring_at(r, at)->is_hit)
			return at;
	}
	return i;
}
