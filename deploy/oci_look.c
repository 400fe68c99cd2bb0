/* SPDX-License-Identifier: Apache-2.0 */
/* Asks one registry for one manifest's name, within a few seconds. Reads no manifest. */
#include "deploy/oci_look.h"

#include <stdio.h>
#include <string.h>

#include "deploy/oci_reference.h"
#include "deploy/remote_oci.h"
#include "registry/base/clock.h"

struct bound {
	const struct remote_options *o;
	uint64_t until_ms;
};

static int
still_waits(void *arg, struct err *e)
{
	const struct bound *const b = arg;

	if (clock_mono_ms() >= b->until_ms)
		return err_set(e, ERR_UNREACHABLE, "no answer in time");
	return b->o->check ? b->o->check(b->o->arg, e) : 0;
}

static void
not_asked(const struct oci *s, const struct err *e, struct oci_look *ret)
{
	ret->seen = OCI_NOT_ASKED;
	if (e->code == ERR_UNREACHABLE && s->host)
		(void)snprintf(ret->why, sizeof ret->why, "%s is not reachable from here", s->host);
	else if (e->code == ERR_DENIED && s->auth && !oci_auth_is_known(s->auth))
		(void)snprintf(ret->why, sizeof ret->why, "no credentials for %s", s->host);
	else
		(void)str_copy(ret->why, sizeof ret->why, e->msg);
}

/* What it says of a name that it has. A digest that was asked for needs nobody's word. */
static void
take_digest(const struct oci_reference *r, const struct http_response *got, struct oci_look *ret)
{
	const struct str said = http_header(got, "docker-content-digest", NULL);
	struct digest d;
	const bool has = said.p && said.n > 7 && memcmp(said.p, "sha256:", 7) == 0 &&
	                 digest_parse(&d, said.p + 7, said.n - 7) == 0;

	ret->seen = OCI_THERE;
	ret->has_digest = r->has_digest || has;
	if (ret->has_digest)
		ret->digest = has ? d : r->digest;
	if (!has || !r->has_digest || digest_eq(&d, &r->digest))
		return;
	ret->seen = OCI_ABSENT;
	(void)snprintf(ret->why, sizeof ret->why, "its registry has another manifest there");
}

static int
ask(struct oci *s, const struct oci_reference *r, struct oci_look *ret, struct err *e)
{
	cleanup_free char *url = r->has_digest ? oci_url(s, r->repo, "manifests", &r->digest)
	                                       : xasprintf("%s/v2/%s/manifests/%s", s->base,
	                                                   r->repo, r->tag[0] ? r->tag : "latest");
	const struct ask a = { .method = "HEAD",
		               .url = url,
		               .accept = OCI_ACCEPT_ANY,
		               .timeout_ms = OCI_LOOK_MS,
		               .is_read = true };
	cleanup_response struct http_response got = { 0 };
	int rc = oci_ask(s, &a, &got, e);

	if (rc < 0)
		return rc;
	if (got.status == 200 && !http_is_html(&got))
		take_digest(r, &got, ret);
	else if (got.status == 404)
		ret->seen = OCI_ABSENT;
	else if (got.status == 200)
		return err_set(e, ERR_MALFORMED, "%s answers with a page of HTML", s->host);
	else if (got.status == 401 || got.status == 403)
		return oci_refused(s, "the manifest", &got, e);
	else
		return err_set(e, ERR_MALFORMED, "%s answers %ld", s->host, got.status);
	return 0;
}

void
oci_look(const char *image, const struct remote_options *o, struct oci_look *ret)
{
	struct bound b = { o, clock_mono_ms() + OCI_LOOK_MS };
	const struct remote_options mine = { .ca_file = o->ca_file,
		                             .allow_plain = o->allow_plain,
		                             .credentials = o->credentials,
		                             .only_looks = true,
		                             .check = still_waits,
		                             .arg = &b };
	struct oci_reference r = { 0 };
	struct oci s = { 0 };
	struct err e = { 0 };
	int rc = oci_image_parse(image, &r, &e);

	*ret = (struct oci_look){ .seen = OCI_NOT_ASKED };
	if (rc < 0) {
		(void)snprintf(ret->why, sizeof ret->why, "that is no name of an image");
		return;
	}
	rc = oci_connect(&s, r.host, r.repo, &mine, &e);
	if (rc == 0)
		rc = oci_use(&s, r.repo, &e);
	if (rc == 0)
		rc = ask(&s, &r, ret, &e);
	if (rc < 0)
		not_asked(&s, &e, ret);
	oci_disconnect(&s);
	oci_reference_fini(&r);
}
