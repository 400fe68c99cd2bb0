/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of bundle's verbs share. */
#pragma once

#include "registry/bundle.h"
#include "registry/bundle_entry.h"
#include "registry/bundle_source.h"
#include "tui/cmd/age.h"
#include "tui/cmd/cmd.h"

/* What FILE.. of verify and import is: files, "-" for stdin, or one that age encrypted. */
struct bundle_input {
	struct bundle_source *source;
	struct age age;
};
int bundle_input_open(const struct args *in, struct bundle_input *ret, struct err *e);
/* All of it came: 0, or what the program in between says. */
int bundle_input_end(struct bundle_input *i, struct err *e);
/* Releases it; rc is what became of it: when too little came, the program in between may say why.
 */
int bundle_input_close(struct bundle_input *i, int rc, struct err *e);

/* Members about a bundle, in an object that is open for JSON. */
void bundle_json(struct json_out *j, const struct bundle *b);
/* "bundle 3: 2 versions, 12 files, 4.0G" */
void bundle_line(const struct bundle *b, struct buf *ret);
/* The same for a person who looks at one: lines with titles. */
void bundle_fields(struct out *o, const struct bundle *b, const char *signer);
