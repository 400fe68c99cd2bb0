/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where servers read bytes from: an OCI registry, an S3 bucket, a mounted volume. One file a kind,
 * one line in the table. A remote knows bytes by digest and nothing of registries, plans or
 * clusters; what it put is checked by reading back or by the server's own digest before it says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "deploy/driver.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

/* What a version is made of: its files (struct source of driver.h), and the manifest and config
 * bytes that name them. */
struct remote_version {
	const char *model;
	uint64_t number;
	struct digest digest;      /* of manifest */
	struct str manifest;       /* OCI image manifest, byte for byte */
	struct str config;         /* its config blob */
	const struct source *files;
};
enum remote_form {
	REMOTE_MODELPACK,          /* the manifest as it is: same digest there as here */
	REMOTE_MODELCAR,           /* an image whose one layer holds /models, for KServe's oci:// */
	REMOTE_FILES,              /* plain files below a folder named by the digest */
};
struct remote_put {
	char reference[1024];      /* "oci://site:5000/models/m@sha256:..", "s3://b/p/sha256-..", by
	                            * digest only: what a rendered object names */
	uint64_t sent, present;    /* bytes */
	bool changed;
};
struct remote_options {
	const char *ca_file;       /* NULL: the system's */
	bool allow_plain;          /* http to a host that is not loopback */
	bool only_looks;           /* put says what it would do: it asks and changes nothing */
	const char *endpoint;      /* S3: address of the server; NULL: from the person's config */
	const char *region;        /* S3; NULL: us-east-1 */
	const char *local_path;    /* volume: where its root is mounted here */
	const char *credentials;   /* file of the person; NULL: docker's and AWS's own places */
	/* asked at each block and while somebody is waited for; negative ends with its error */
	int (*check)(void *arg, struct err *e);
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};
struct remote_driver {
	const char *scheme;        /* "oci" */
	size_t state_size;
	bool holds_files;          /* REMOTE_FILES, and nothing else; false: manifests */
	/* USAGE: no such address */
	int (*open)(void *st, const char *address, const struct remote_options *o, struct err *e);
	/* Is it reachable, and may we write? DENIED, UNREACHABLE. */
	int (*probe)(void *st, char detail[256], struct err *e);
	/* Pure: the reference that put would give. */
	int (*reference)(void *st, const struct remote_version *v, enum remote_form f,
	                 char ret[1024], struct err *e);
	/* All of v there, complete and checked; one HEAD when it is already. An interrupted put
	 * goes on where it was. DIGEST, DENIED, NO_SPACE, UNREACHABLE (retry is safe). */
	int (*put)(void *st, const struct remote_version *v, enum remote_form f,
	           struct remote_put *ret, struct err *e);
	void (*close)(void *st);
};
extern const struct remote_driver *const remote_drivers[]; /* NULL-terminated */
const struct remote_driver *remote_driver_find(const char *address); /* by scheme; NULL */
