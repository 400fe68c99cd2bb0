/* SPDX-License-Identifier: Apache-2.0 */
/* verify --oms: a folder or a stored version against a bundle of OpenSSF Model Signing. */
#pragma once

#include <stdbool.h>

#include "registry/base/err.h"
#include "tui/app.h"
#include "tui/cmd/cmd.h"

bool verify_oms_is_meant(const struct args *in); /* is one of its options given? */
int verify_oms(struct app *a, const struct args *in, struct err *e);
