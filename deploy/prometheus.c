/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries to a Prometheus and what it answers. An answer counts only when it is one finite number:
 * no series, NaN and infinities are "nothing to tell", never zero.
 */
#include "deploy/prometheus.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "deploy/secret.h"
#include "registry/base/json.h"
#include "registry/base/str.h"

#define ASK_MS     5000u
#define ANSWER_MAX 65536u
#define NUMBER_MAX 40

static void
add_escaped(struct buf *ret, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\'' || *s == '\\')
			buf_addc(ret, '\\');
		buf_addc(ret, *s);
	}
}

static bool
add_name(struct str name, const struct prometheus_names *n, struct buf *ret)
{
	const struct {
		const char *key, *value;
	} texts[] = { { "version", n->version },
		      { "pods", n->pods },
		      { "namespace", n->ns },
		      { "object", n->object },
		      { "model", n->model } };

	if (str_eq(name, str_of("window"))) {
		buf_addf(ret, "%" PRIu64 "s", n->window_s ? n->window_s : 1);
		return true;
	}
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (!str_eq(name, str_of(texts[i].key)))
			continue;
		add_escaped(ret, texts[i].value ? texts[i].value : "");
		return true;
	}
	return false;
}

int
prometheus_query(const char *template, const struct prometheus_names *n, struct buf *ret,
                 struct err *e)
{
	const char *p = template;

	while (*p) {
		const size_t size = *p == '$' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;

		if (size == 0) { /* a "$" of a regular expression too */
			buf_addc(ret, *p++);
			continue;
		}
		if (!add_name((struct str){ p + 1, size }, n, ret)) {
			err_set(e, ERR_USAGE, "\"%.*s\" is no name in a query", (int)size + 1, p);
			return err_hint(e, "there are $version, $pods, $namespace, $object, $model "
			                   "and $window");
		}
		p += size + 1;
	}
	if (ret->n > PROMETHEUS_QUERY_MAX)
		return err_set(e, ERR_USAGE, "a query of %zu bytes is too long", ret->n);
	return 0;
}

/* --- answers --- */

static int
no_answer(struct err *e, const char *what)
{
	return err_set(e, ERR_MALFORMED, "Prometheus: %s", what);
}

/* [time, "number"] */
static int
sample(const json_t *pair, double *ret, struct err *e)
{
	const char *text = json_string_value(json_array_get(pair, 1));
	double v;

	if (!text || json_array_size(pair) != 2 || strlen(text) == 0 || strlen(text) > NUMBER_MAX)
		return no_answer(e, "a sample without a number");
	if (streq(text, "NaN") || streq(text, "+Inf") || streq(text, "-Inf"))
		return 1;
	if (strspn(text, "0123456789+-.e") != strlen(text))
		return no_answer(e, "a sample that is no number");
	if (parse_double(text, &v) < 0 || !isfinite(v))
		return no_answer(e, "a sample that is no number");
	*ret = v;
	return 0;
}

int
prometheus_read(struct str body, double *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	const json_t *data, *result;
	const char *type, *status;
	int rc = json_parse(body, "Prometheus", &j, e);

	if (rc < 0)
		return rc;
	status = json_opt_string(j, "status");
	data = json_object_get(j, "data");
	result = json_object_get(data, "result");
	type = json_opt_string(data, "resultType");
	if (!status || !streq(status, "success") || !type || !json_is_array(result))
		return no_answer(e, "no answer of its API");
	if (streq(type, "scalar"))
		return sample(result, ret, e);
	if (!streq(type, "vector"))
		return no_answer(e, "the query gives no single number");
	if (json_array_size(result) == 0)
		return 1;
	if (json_array_size(result) > 1)
		return err_set(e, ERR_MALFORMED,
		               "Prometheus: the query gives %zu series and not one: sum them",
		               json_array_size(result));
	return sample(json_object_get(json_array_get(result, 0), "value"), ret, e);
}

int
prometheus_header(const char *url, const struct prometheus_login *l, char **ret, struct err *e)
{
	char *word = NULL;
	int rc = 0;

	*ret = NULL;
	if (!l->token_file && !l->login_file)
		return 0;
	if (http_is_open(url)) {
		err_set(e, ERR_DENIED, "no credential goes to \"%s\": it would be read on the way",
		        url);
		return err_hint(e, "give the target an address with https");
	}
	rc = l->token_file ? secret_read_token(l->token_file, &word, e)
	                   : secret_read_login(l->login_file, &word, e);
	if (rc == 0)
		*ret = xasprintf("Authorization: %s%s", l->token_file ? "Bearer " : "", word);
	secret_wipe(&word);
	return rc;
}

int
prometheus_ask(struct http *h, const char *url, const struct prometheus_login *l, const char *query,
               double *ret, struct err *e)
{
	const size_t n = strlen(url);
	cleanup_free char *at =
	        xasprintf("%s%sapi/v1/query", url, n > 0 && url[n - 1] == '/' ? "" : "/");
	cleanup_response struct http_response r = { 0 };
	cleanup_buf struct buf body = { 0 };
	char *header = NULL;
	int rc = prometheus_header(url, l, &header, e);
	const char *const headers[] = { header, NULL };

	buf_adds(&body, "query=");
	http_escape(&body, query);
	buf_adds(&body, "&timeout=4s");
	const struct http_request q = {
		.method = "POST",
		.url = at,
		.headers = headers,
		.body = buf_str(&body),
		.content_type = "application/x-www-form-urlencoded",
		.timeout_ms = ASK_MS,
		.response_max = ANSWER_MAX,
		.safe_to_repeat = true,
	};
	if (rc == 0)
		rc = http_perform(h, &q, &r, e);
	secret_wipe(&header);
	if (rc == 0)
		rc = http_check(&q, &r, e);
	return rc < 0 ? rc : prometheus_read(buf_str(&r.body), ret, e);
}
