/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are at a cluster. One credential is kept; it is made again when its token file is a minute
 * old, when a plugin's word has expired, or when the server has refused it. Sends nothing itself.
 */
#include "deploy/kube_auth.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/kube_exec.h"
#include "deploy/secret.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"

#define LEEWAY_S  10 /* a plugin's credential is not used to its last second */
#define RUN_MS    60000u /* what expires by our clock alone is not asked for at each request */

struct kube_auth {
	struct kube_options o;
	const struct kubeconfig *config;
	struct kube_credential now;
	bool is_made;
	uint64_t read_ms;  /* of the token file */
	uint64_t run_ms;   /* the plugin */
	int64_t expires_s; /* a plugin's word; 0: never */
};

static char *
copy_text(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

/* A plugin runs only where nothing else says who we are, as client-go has it. */
static bool
is_exec(const struct kubeconfig *c)
{
	return c->exec && !c->token && !c->token_file && !c->username && !c->cert_pem;
}

int
kube_auth_new(const struct kube_options *o, struct kube_auth **ret, struct err *e)
{
	const struct kubeconfig *const c = o->config;
	struct kube_auth *a;

	if (is_exec(c) && !o->allow_exec) {
		err_set(e, ERR_DENIED, "context \"%s\" runs the program \"%s\" to say who you are",
		        c->context, c->exec->command);
		return err_hint(e, "if you trust it: slipway target set NAME --kubeconfig F "
		                   "--context C --allow-exec");
	}
	if (is_exec(c) && c->exec->interactive == KUBE_EXEC_ALWAYS)
		return err_set(e, ERR_DENIED,
		               "the credential plugin \"%s\" of context \"%s\" must ask a person",
		               c->exec->command, c->context);
	a = xcalloc(1, sizeof *a);
	a->o = *o;
	a->config = c;
	*ret = a;
	return 0;
}

void
kube_auth_free(struct kube_auth *a)
{
	if (!a)
		return;
	secret_wipe(&a->now.authorization);
	secret_wipe(&a->now.cert_pem);
	secret_wipe(&a->now.key_pem);
	free(a);
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && streq(a, b));
}

/* Takes the texts. */
static void
keep(struct kube_auth *a, char *authorization, char *cert, char *key, bool *ret_new)
{
	const bool other_cert = !same(a->now.cert_pem, cert) || !same(a->now.key_pem, key);

	*ret_new = other_cert || !same(a->now.authorization, authorization);
	secret_wipe(&a->now.authorization);
	secret_wipe(&a->now.cert_pem);
	secret_wipe(&a->now.key_pem);
	a->now.authorization = authorization;
	a->now.cert_pem = cert;
	a->now.key_pem = key;
	a->now.generation += other_cert || !a->is_made;
	a->is_made = true;
}

static char *
bearer(const char *token)
{
	return xasprintf("Bearer %s", token);
}

/* The last good one stays when the file cannot be read for a moment. */
static int
from_file(struct kube_auth *a, bool *ret_new, struct err *e)
{
	char *token = NULL;
	struct err why = { 0 };
	int rc = secret_read_token(a->config->token_file, &token, &why);

	a->read_ms = clock_mono_ms();
	if (rc < 0 && a->now.authorization)
		return 0;
	if (rc < 0 && !a->config->token) {
		*e = why;
		return rc;
	}
	keep(a, bearer(token ? token : a->config->token), copy_text(a->config->cert_pem),
	     copy_text(a->config->key_pem), ret_new);
	secret_wipe(&token);
	return 0;
}

static int
from_exec(struct kube_auth *a, bool *ret_new, struct err *e)
{
	struct kube_exec_word w;
	int rc = kube_exec_run(&a->o, &w, e);

	if (rc < 0)
		return rc;
	keep(a, w.token ? bearer(w.token) : NULL, copy_text(w.cert_pem), copy_text(w.key_pem),
	     ret_new);
	a->expires_s = w.expires_s;
	a->run_ms = clock_mono_ms();
	kube_exec_word_fini(&w);
	return 0;
}

static int
make(struct kube_auth *a, bool *ret_new, struct err *e)
{
	const struct kubeconfig *const c = a->config;
	char *authorization = NULL;

	if (c->token_file)
		return from_file(a, ret_new, e);
	if (is_exec(c))
		return from_exec(a, ret_new, e);
	if (c->token)
		authorization = bearer(c->token);
	else if (c->username)
		authorization = secret_basic(c->username, c->password);
	keep(a, authorization, copy_text(c->cert_pem), copy_text(c->key_pem), ret_new);
	return 0;
}

static bool
is_stale(const struct kube_auth *a)
{
	if (!a->is_made)
		return true;
	if (a->config->token_file)
		return clock_mono_ms() - a->read_ms >= KUBE_TOKEN_FILE_MS;
	return a->expires_s != 0 && clock_now_s() + LEEWAY_S >= a->expires_s &&
	       clock_mono_ms() - a->run_ms >= RUN_MS;
}

int
kube_auth_get(struct kube_auth *a, bool refresh, const struct kube_credential **ret, bool *ret_new,
              struct err *e)
{
	int rc = 0;

	*ret_new = false;
	if (refresh || is_stale(a))
		rc = make(a, ret_new, e);
	*ret = &a->now;
	return rc;
}
