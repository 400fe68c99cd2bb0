/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are at an S3 server: AWS_ACCESS_KEY_ID and its fellows, else the profile that AWS_PROFILE
 * names ("default") in ~/.aws/credentials and ~/.aws/config, or where AWS_SHARED_CREDENTIALS_FILE
 * and AWS_CONFIG_FILE say. Nothing here asks a server or runs a program.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/base/str.h"

struct s3_profile {
	char *key, *secret, *token; /* NULL: not said; token: of a session */
	char *region, *endpoint;
};
/* What section says of what is not known yet. -1: a line that is neither a section, a setting nor a
 * comment before the section's end. */
int s3_profile_parse(struct str text, const char *section, struct s3_profile *ret);
/* file: a credentials file instead of the environment and the usual one. NOT_FOUND: that file;
 * MALFORMED; DENIED: no access key anywhere. */
int s3_profile_load(const char *file, struct s3_profile *ret, struct err *e);
void s3_profile_fini(struct s3_profile *p); /* wipes */
