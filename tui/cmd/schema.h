/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the outputs of the program look like, as rows; schema.c makes JSON Schemas of them. Members
 * are written "NAME:TYPE", "NAME?:TYPE" where one may be missing; types are
 *   s string  i integer  b boolean  t time  d "sha256:..."  h 64 hex digits  o object  a array
 *   E an error's code  {PART} an object of that row  [TYPE] an array,  each with "?": or null
 */
#pragma once

#include "registry/base/err.h"
#include "registry/base/json.h"

enum schema_use {
	SCHEMA_OUTPUT,   /* has the envelope: apiVersion and kind */
	SCHEMA_LIST,     /* the same for a line of ndjson, and KINDList for json */
	SCHEMA_ENTRY,    /* the body of a log entry of that type: "entry-TYPE" */
	SCHEMA_DOCUMENT, /* no envelope */
	SCHEMA_PART,     /* stands in others only */
};
struct schema_row {
	const char *name, *text, *members;
	enum schema_use use;
};
extern const struct schema_row schema_rows[]; /* ends with name NULL */

/* A new reference; NOT_FOUND. */
int schema_make(const char *kind, json_t **ret, struct err *e);
/* Each kind that schema_make knows. */
void schema_each(void (*fn)(void *arg, const char *kind, const char *text), void *arg);
