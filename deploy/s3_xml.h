/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few elements that S3 answers are read for. Pure, over bytes that arrived whole; no entities
 * but the five of XML and numbers, no declarations, no element inside one of the same name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/buf.h"
#include "registry/base/str.h"

/* Is the outermost element of that name? */
bool s3_xml_is(struct str doc, const char *name);
/* What lies inside the next <name> from *at on, as it is; *at moves behind it. at may be NULL. */
bool s3_xml_next(struct str doc, const char *name, size_t *at, struct str *ret);
/* The first one's text, entities replaced, appended; false: there is none, or it is no text. */
bool s3_xml_text(struct str doc, const char *name, struct buf *ret);
/* Text for an element's inside. */
void s3_xml_escape(struct buf *ret, const char *text);
