/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are at a cluster: token, token file, basic, client certificate, or what a credential
 * plugin says. Nothing of it is written anywhere; plugins run only when the person's own
 * configuration allows them.
 * Sources: client-go, rest/ and plugin/pkg/client/auth/exec; client.authentication.k8s.io/v1.
 */
#pragma once

#include <stdbool.h>

#include "deploy/kube.h"
#include "registry/base/str.h"

#define KUBE_TOKEN_FILE_MS 60000 /* a token file is read again after so long */

struct kube_credential {
	char *authorization;      /* "Bearer ..", "Basic .."; NULL: none */
	char *cert_pem, *key_pem; /* NULL: none */
	unsigned generation;      /* another one when the certificate changed */
};

struct kube_auth;
/* What o points to is borrowed. DENIED: a plugin that is not allowed, or one that would ask a
 * person. */
int kube_auth_new(const struct kube_options *o, struct kube_auth **ret, struct err *e);
void kube_auth_free(struct kube_auth *a); /* secrets are wiped */
/* The credential of now; borrowed until the next call. refresh: the server has refused it, what can
 * be had anew is; *ret_new says whether it is another one. DENIED: the plugin failed; its words
 * come with it. */
int kube_auth_get(struct kube_auth *a, bool refresh, const struct kube_credential **ret,
                  bool *ret_new, struct err *e);
