/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys of a person, from the environment or from the files that AWS's own tools read. */
#include "deploy/s3_profile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/secret.h"
#include "registry/base/fs.h"

#define FILE_MAX_BYTES ((size_t)256 << 10)

void
s3_profile_fini(struct s3_profile *p)
{
	secret_wipe(&p->key);
	secret_wipe(&p->secret);
	secret_wipe(&p->token);
	secret_wipe(&p->region);
	secret_wipe(&p->endpoint);
}

/* The first that says it counts. */
static void
keep(char **to, struct str s)
{
	if (!*to && s.n > 0)
		*to = xstrndup(s.p, s.n);
}

static void
take(struct s3_profile *p, struct str key, struct str value)
{
	const struct {
		const char *name;
		char **to;
	} known[] = { { "aws_access_key_id", &p->key },
		      { "aws_secret_access_key", &p->secret },
		      { "aws_session_token", &p->token },
		      { "region", &p->region },
		      { "endpoint_url", &p->endpoint } };

	for (size_t i = 0; i < COUNT(known); i++) {
		if (str_is(key, known[i].name))
			keep(known[i].to, value);
	}
}

/* Settings below a setting, as "s3 =" has them, are indented: not ours. */
static int
take_line(struct str line, struct s3_profile *ret)
{
	const char *const sign = memchr(line.p, '=', line.n);

	if (strchr(" \t", line.p[0]))
		return 0;
	if (!sign)
		return -1;
	take(ret, str_trim((struct str){ line.p, (size_t)(sign - line.p) }),
	     str_trim((struct str){ sign + 1, (size_t)(line.p + line.n - sign - 1) }));
	return 0;
}

int
s3_profile_parse(struct str text, const char *section, struct s3_profile *ret)
{
	bool inside = false;

	for (size_t i = 0, next; i < text.n; i = next) {
		const char *const end = memchr(text.p + i, '\n', text.n - i);
		const struct str line = { text.p + i,
			                  end ? (size_t)(end - text.p) - i : text.n - i };
		const struct str s = str_trim(line);

		next = i + line.n + 1;
		if (memchr(line.p, '\0', line.n))
			return -1;
		if (s.n == 0 || s.p[0] == '#' || s.p[0] == ';')
			continue;
		if (s.p[0] == '[') {
			const char *const close = memchr(s.p, ']', s.n);

			if (!close)
				return -1;
			inside =
			        str_is(str_trim((struct str){ s.p + 1, (size_t)(close - s.p) - 1 }),
			               section);
		} else if (inside && take_line(line, ret) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
read_file(const char *path, const char *section, struct s3_profile *ret, struct err *e)
{
	struct buf text = { 0 };
	int rc = fs_read_at(AT_FDCWD, path, FILE_MAX_BYTES, &text, e);

	/* no piece of it in a message: it holds secrets */
	if (rc == 0 && s3_profile_parse(buf_str(&text), section, ret) < 0)
		rc = err_set(e, ERR_MALFORMED,
		             "credential file \"%s\": profile \"%s\" has a line "
		             "that is no setting",
		             path, section);
	secret_wipe_buf(&text);
	return rc;
}

/* One that is not there says nothing. */
static int
read_usual(const char *variable, const char *below_home, const char *section,
           struct s3_profile *ret, struct err *e)
{
	const char *const named = getenv(variable), *const home = getenv("HOME");
	cleanup_free char *path = named && *named ? xstrdup(named)
	                          : home          ? xasprintf("%s/.aws/%s", home, below_home)
	                                          : NULL;
	int rc = path ? read_file(path, section, ret, e) : 0;

	if (rc == -ERR_NOT_FOUND) {
		err_clear(e);
		rc = 0;
	}
	return rc;
}

static void
take_variable(const char *name, char **to)
{
	keep(to, str_of(getenv(name)));
}

static void
take_environment(struct s3_profile *p)
{
	const char *const key = getenv("AWS_ACCESS_KEY_ID"), *const secret = getenv(
	                                                             "AWS_SECRET_ACCESS_KEY");

	/* half of a pair, or a token of another pair, would be nobody */
	if (!key || !*key || !secret || !*secret)
		return;
	take_variable("AWS_ACCESS_KEY_ID", &p->key);
	take_variable("AWS_SECRET_ACCESS_KEY", &p->secret);
	take_variable("AWS_SESSION_TOKEN", &p->token);
}

static void
forget_keys(struct s3_profile *p)
{
	secret_wipe(&p->key);
	secret_wipe(&p->secret);
	secret_wipe(&p->token);
}

/* Keys of config count only where credentials has none: never a key of one, a token of the other.
 */
static int
read_files(const char *profile, struct s3_profile *ret, struct err *e)
{
	cleanup_free char *section =
	        streq(profile, "default") ? xstrdup(profile) : xasprintf("profile %s", profile);
	const bool has_keys = ret->key;
	struct s3_profile config = { 0 };
	int rc = 0;

	if (!has_keys)
		rc = read_usual("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile, ret, e);
	if (rc == 0)
		rc = read_usual("AWS_CONFIG_FILE", "config", section, &config, e);
	if (rc == 0 && !ret->key && !ret->secret) {
		forget_keys(ret);
		keep(&ret->key, str_of(config.key));
		keep(&ret->secret, str_of(config.secret));
		keep(&ret->token, str_of(config.token));
	}
	if (rc == 0) {
		keep(&ret->region, str_of(config.region));
		keep(&ret->endpoint, str_of(config.endpoint));
	}
	s3_profile_fini(&config);
	return rc;
}

static int
nobody(const char *profile, struct err *e)
{
	err_set(e, ERR_DENIED, "no access key for S3 (profile \"%s\")", profile);
	return err_hint(e, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with both in "
	                   "~/.aws/credentials; other ways to log in are not known here");
}

int
s3_profile_load(const char *file, struct s3_profile *ret, struct err *e)
{
	const char *const named = getenv("AWS_PROFILE");
	const char *const profile = named && *named ? named : "default";
	int rc;

	*ret = (struct s3_profile){ 0 };
	take_variable("AWS_REGION", &ret->region);
	take_variable("AWS_DEFAULT_REGION", &ret->region);
	take_variable("AWS_ENDPOINT_URL_S3", &ret->endpoint);
	take_variable("AWS_ENDPOINT_URL", &ret->endpoint);
	if (file) {
		rc = read_file(file, profile, ret, e);
	} else {
		take_environment(ret);
		rc = read_files(profile, ret, e);
	}
	if (rc == 0 && (!ret->key || !ret->secret))
		rc = nobody(profile, e);
	/* they become parts of a header */
	if (rc == 0 && (!secret_is_token(str_of(ret->key)) ||
	                (ret->token && !secret_is_token(str_of(ret->token)))))
		rc = err_set(e, ERR_MALFORMED, "the access key of profile \"%s\" is malformed",
		             profile);
	if (rc < 0)
		s3_profile_fini(ret);
	return rc;
}
