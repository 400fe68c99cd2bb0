/* SPDX-License-Identifier: Apache-2.0 */
/* What oms.c and oms_statement.c share; nobody else includes this. */
#pragma once

#include "registry/base/json.h"
#include "registry/oms.h"

#define OMS_PAYLOAD_TYPE   "application/vnd.in-toto+json"
#define OMS_STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define OMS_PREDICATE_TYPE "https://model_signing/signature/v1.0"

/* The signed bytes into what is below root in struct oms, root compared. */
int oms_statement_parse(struct str payload, struct oms *ret, struct err *e);
/* Canonical JSON. */
int oms_statement_write(const struct manifest *m, const char *subject, struct buf *ret,
                        struct err *e);
/* MALFORMED names a member of o that is none of the NULL-terminated names. */
int oms_members_check(const json_t *o, const char *what, const char *const *names, struct err *e);
