/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are at an OCI registry: the credential files of docker and podman with their helpers,
 * Basic, and the Bearer token of a registry's own token server. A credential goes to the host that
 * it is for and to the token server that this host names, over TLS or to loopback.
 * Sources: containers-auth.json(5), docker config.json; distribution "Token Authentication".
 */
#pragma once

#include "deploy/http.h"
#include "deploy/remote.h"
#include "registry/base/str.h"

struct oci_auth;
/* o: its credentials, else $REGISTRY_AUTH_FILE, and nothing else where that is set; else
 * $XDG_RUNTIME_DIR/containers/auth.json, then $DOCKER_CONFIG/config.json or ~/.docker/config.json,
 * the first that knows the host; its check ends a helper and a question for a token. Borrowed.
 * NOT_FOUND: the named one; MALFORMED. A host of which none says anything is asked without a
 * credential. */
int oci_auth_new(const struct remote_options *o, const char *host, const char *repo,
                 struct oci_auth **ret, struct err *e);
/* The same credential and header for another thread; no file is read, no helper asked. */
struct oci_auth *oci_auth_copy(const struct oci_auth *a, const struct remote_options *o);
void oci_auth_free(struct oci_auth *a);
/* Is there a credential for it? */
bool oci_auth_is_known(const struct oci_auth *a);
/* "Authorization: .." for the next request; NULL: none. Borrowed. */
const char *oci_auth_header(const struct oci_auth *a);
/* After a 401 with that challenge: another header, or DENIED when there is none to be had. push: or
 * only pull. */
int oci_auth_answer(struct oci_auth *a, struct http *h, struct str challenge, bool push,
                    struct err *e);

struct oci_challenge {
	bool is_bearer;
	char realm[512], service[256];
};
/* WWW-Authenticate, RFC 9110 section 11.6.1: -1 when it is neither Basic nor a whole Bearer. */
int oci_challenge_parse(struct str s, struct oci_challenge *ret);
/* "user:password" of that host in the text of a credential file, longest match of host/repo first;
 * NULL: none. helper: the name of a docker-credential-* program to ask; "" none. */
int oci_credential_find(struct str text, const char *host, const char *repo, char **ret_user,
                        char **ret_password, char helper[64], struct err *e);
