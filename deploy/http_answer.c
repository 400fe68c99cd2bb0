/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP answer says: status to error code, the server's own words, the body as JSON. Pure
 * functions over bytes that arrived whole; nothing here sends anything.
 */
#include "deploy/http.h"

#include <string.h>
#include <strings.h>

#define WORDS_MAX 300

bool
http_is_html(const struct http_response *r)
{
	const struct str s = buf_str(&r->body);
	size_t i = 0;

	if (strncasecmp(r->content_type, "text/html", 9) == 0)
		return true;
	while (i < s.n && strchr(" \t\r\n", s.p[i]))
		i++;
	return i < s.n && s.p[i] == '<';
}

/* The "error" member of a JSON body, else its first line; never more than WORDS_MAX bytes. */
static void
server_words(const struct http_response *r, struct buf *ret)
{
	cleanup_json json_t *j = NULL;
	struct err ignored = { 0 };
	struct str s = buf_str(&r->body);
	const char *text = NULL;

	if (http_is_html(r)) {
		buf_adds(ret, "an HTML page");
		return;
	}
	if (json_parse(s, "answer", &j, &ignored) == 0)
		text = json_opt_string(j, "error");
	if (text)
		s = str_of(text);
	while (s.n > 0 && (s.p[0] == '\n' || s.p[0] == '\r')) {
		s.p++;
		s.n--;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (i >= WORDS_MAX || s.p[i] == '\n' || s.p[i] == '\r')
			s.n = i;
	}
	buf_add(ret, s.p, s.n);
}

static enum err_code
code_of_status(const struct http_request *q, long status)
{
	switch (status) {
	case 401:
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	default:
		if ((status == 429 || status >= 500) && q->safe_to_repeat)
			return ERR_UNREACHABLE;
		return ERR_ROLLOUT_FAILED;
	}
}

int
http_check(const struct http_request *q, const struct http_response *r, struct err *e)
{
	cleanup_buf struct buf words = { 0 };

	if (r->status >= 200 && r->status < 300)
		return 0;
	server_words(r, &words);
	return err_set(e, code_of_status(q, r->status),
	               "%s \"%s\" was answered with status %ld%s%s",
	               q->method, q->url, r->status, words.n > 0 ? ": " : "", buf_cstr(&words));
}

int
http_json(const struct http_request *q, const struct http_response *r, json_t **ret, struct err *e)
{
	int rc;

	if (http_is_html(r)) {
		(void)err_set(e, ERR_MALFORMED, "\"%s\" answered with an HTML page, not with JSON",
		              q->url);
		return err_hint(e, "is there a proxy or another server at this address?");
	}
	rc = json_parse(buf_str(&r->body), "the answer", ret, e);
	if (rc < 0)
		return err_prefix(e, "\"%s\"", q->url);
	return 0;
}

void
http_escape(struct buf *ret, const char *segment)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                            "0123456789-._~";

	for (const char *s = segment; *s; s++) {
		if (strchr(plain, *s))
			buf_addc(ret, *s);
		else
			buf_addf(ret, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

struct str
http_header(const struct http_response *r, const char *name, size_t *at)
{
	const struct str all = buf_str(&r->headers);
	const size_t n = strlen(name);
	size_t i = at ? *at : 0;

	while (i < all.n) {
		const char *const line = all.p + i;
		const char *const end = memchr(line, '\n', all.n - i);
		const size_t len = end ? (size_t)(end - line) : all.n - i;

		i += len + 1;
		if (len < n + 2 || memcmp(line, name, n) != 0 || line[n] != ':')
			continue;
		if (at)
			*at = i;
		return (struct str){ line + n + 2, len - n - 2 };
	}
	if (at)
		*at = all.n;
	return (struct str){ NULL, 0 };
}
