/* SPDX-License-Identifier: Apache-2.0 */
/* What pushing to and pulling from an OCI registry share: exchanges with it, and blobs. */
#pragma once

#include "deploy/http.h"
#include "deploy/oci_auth.h"
#include "deploy/oci_car.h"
#include "deploy/remote.h"
#include "registry/stream.h"

/* A blob whose connection is lost goes on, unless that many tries in a row brought less. */
#define OCI_TRIES   4
#define OCI_GETS_ON ((uint64_t)1 << 20)

/* Manifests and lists of them, in both their kinds. */
#define OCI_ACCEPT_ANY                                                                        \
	"Accept: " OCI_MANIFEST_TYPE ", application/vnd.docker.distribution.manifest.v2+json" \
	", application/vnd.oci.image.index.v1+json"                                           \
	", application/vnd.docker.distribution.manifest.list.v2+json"

struct oci {
	struct http *http;
	struct oci_auth *auth;
	char *host, *repo, *base; /* base: "https://HOST" */
	struct remote_options o; /* only_looks: only the right to read is asked for */
	struct stream *hashing;  /* what is sent is hashed by its thread; NULL until then */
};

/* For what lies in repo; oci_disconnect in any case. host: HOST[:PORT]; this machine's is open
 * unless an authority is named. */
int oci_connect(struct oci *s, const char *host, const char *repo, const struct remote_options *o,
                struct err *e);
void oci_disconnect(struct oci *s);
/* From here on with a credential for that repository. */
int oci_use(struct oci *s, const char *repo, struct err *e);

struct ask {
	const char *method, *url, *type;
	struct str body;
	const struct http_upload *upload;
	const struct http_sink *sink;
	const char *accept, *range; /* whole header lines; NULL */
	size_t max;                 /* bytes of an answer; 0: 8 MiB */
	uint64_t timeout_ms;        /* without upload and sink; 0: 30 s */
	bool is_read, push;
	bool may_redirect; /* a 3xx is an answer: oci_redirect */
};
/* With who we are; once more after a 401 that says what it wants. */
int oci_ask(struct oci *s, const struct ask *a, struct http_response *r, struct err *e);
/* The registry's own words, always negative. what: "an upload". */
int oci_refused(const struct oci *s, const char *what, const struct http_response *r,
                struct err *e);
/* kind: "manifests", "blobs"; to be freed. */
char *oci_url(const struct oci *s, const char *repo, const char *kind, const struct digest *d);
/* 1: it is there, or the registry says where. DIGEST: there, of another size or digest. */
int oci_has(struct oci *s, const char *repo, const char *kind, const struct digest *d,
            uint64_t size, struct err *e);

/* Where an answer to url points: never from TLS to plain http. To be freed. MALFORMED. */
int oci_redirect(const struct oci *s, const char *url, const struct http_response *r, char **ret,
                 struct err *e);

/* Bytes of one blob, hashed as they go; what a resumed upload leaves out is read all the same. */
struct blob {
	const char *name;
	struct digest digest;
	uint64_t size;
	struct str text;            /* small ones; p NULL: by open */
	const struct source *files; /* a file of the version, or all of them as a layer */
	size_t index;               /* SIZE_MAX: the layer */
};
/* Asked for, and sent when it is missing; *done of total grows by its size. */
int oci_put_blob(struct oci *s, const char *repo, const struct blob *b, uint64_t *done,
                 uint64_t total, struct remote_put *ret, struct err *e);
/* Each of them, so; many small ones several at a time: files is asked by any thread. */
int oci_put_blobs(struct oci *s, const char *repo, const struct blob *v, size_t n,
                  struct remote_put *ret, struct err *e);
/* An upload that is begun and forgotten: then it is known that we may. */
int oci_try_upload(struct oci *s, const char *repo, struct err *e);
