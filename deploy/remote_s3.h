/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What asking an S3 server and sending objects to it share.
 * Source: Amazon S3 API reference; what of it MinIO and Versity's gateway do as well.
 */
#pragma once

#include "deploy/http.h"
#include "deploy/remote.h"
#include "deploy/s3_profile.h"

#define S3_PART ((uint64_t)16 << 20) /* a file up to here is one request, else of each part */

struct s3 {
	struct http *http;
	struct s3_profile who;
	char *address, *bucket, *prefix; /* prefix: "" or with a slash at its end */
	char *base;                      /* "https://HOST/BUCKET", "https://BUCKET.HOST" */
	const char *region;
	struct remote_options o;
};

/* base, from bucket, region and the endpoint. A server with a name of its own has buckets as paths,
 * unless the endpoint says {bucket} where the name of one goes. Amazon's has them as hosts; its
 * certificates know no bucket with a dot. USAGE. */
int s3_set_base(struct s3 *s, struct err *e);

struct s3_ask {
	const char *method;
	const char *key, *query; /* key not escaped, NULL: the bucket; query sorted, "a=1&b=" */
	struct str body;
	const struct digest *digest; /* of body; NULL: computed */
	const char *header;          /* a whole line; NULL */
	const struct http_sink *sink;
	uint64_t timeout_ms; /* 0: 30 s */
	bool is_once;        /* not to be said again after an unknown end */
};
int s3_ask(struct s3 *s, const struct s3_ask *a, struct http_response *r, struct err *e);
/* The server's own words, always negative. what: "an upload". */
int s3_refused(const struct s3 *s, const char *what, const struct http_response *r, struct err *e);
/* Is that the code of an answer's <Error>? */
bool s3_is_error(const struct http_response *r, const char *code);

/* One object, its bytes from text or, when that is NULL, from a file of the version. */
struct s3_object {
	const char *key, *name; /* name: for messages */
	struct digest digest;
	uint64_t size;
	struct str text;
	const struct source *files;
	size_t index;
};
/* 1: it is there with these bytes, by the server's checksum or read back. 0: it is not. composite:
 * what s3_put_parts said of these bytes; NULL: they are read where it is needed. */
int s3_has(struct s3 *s, const struct s3_object *o, const char *composite, struct err *e);
/* Sent and checked; *done of total grows. What a cut left of an upload is gone on with. */
int s3_put(struct s3 *s, const struct s3_object *o, uint64_t *done, uint64_t total, struct err *e);

/* Bytes of a part: a file has 10000 at most. */
uint64_t s3_part_size(uint64_t size);
/* What x-amz-checksum-sha256 has of n parts: "BASE64-N". */
void s3_composite(const struct digest *parts, size_t n, char ret[64]);
void s3_checksum(const struct digest *d, char ret[64]);

/* An upload in parts (remote_s3_parts.c). ret: what the server's checksum of all must be. */
int s3_put_parts(struct s3 *s, const struct s3_object *o, uint64_t *done, uint64_t total,
                 char ret[64], struct err *e);
/* May we write here? One upload is begun and given up. */
int s3_try_upload(struct s3 *s, const char *key, struct err *e);

/* The bytes of an object, a block after the other, each hashed by itself and all of them. */
struct s3_reader {
	const struct s3_object *o;
	struct hasher *all, *block;
	int fd;
	uint64_t at;
};
int s3_reader_open(struct s3_reader *r, const struct s3_object *o, struct err *e);
/* Exactly n bytes; ret_digest: of these alone, may be NULL. */
int s3_reader_next(struct s3_reader *r, char *p, size_t n, struct digest *ret_digest,
                   struct err *e);
int s3_reader_end(struct s3_reader *r, struct err *e); /* DIGEST: other bytes than it says */
void s3_reader_close(struct s3_reader *r);
