/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a request to the agent that says how a store is reached. */
#include "tui/cmd/remote.h"

#include <stdlib.h>

#include "tui/job.h"

int
remote_add_path(json_t *request, const struct args *in, const char *flag, const char *key,
                struct err *e)
{
	const char *const path = arg_value(in, flag);
	cleanup_free char *whole = path ? realpath(path, NULL) : NULL;

	if (path && !whole)
		return err_sys(e, "%s \"%s\"", flag, path);
	if (whole)
		json_object_set_new(request, key, json_string(whole));
	return 0;
}

int
remote_request(struct app *a, const struct args *in, json_t *request, struct err *e)
{
	int rc = remote_add_path(request, in, "--ca-file", "ca", e);

	if (rc == 0)
		rc = remote_add_path(request, in, "--credentials", "credentials", e);
	if (rc < 0)
		return rc;
	json_object_set_new(request, "registry", json_string(a->registry->dir));
	json_object_set_new(request, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	json_object_set_new(request, "plain", json_boolean(arg_flag(in, "--plain-http")));
	json_object_set_new(request, "progress", json_true());
	return 0;
}

int
remote_call(struct app *a, const char *verb, const json_t *request, json_t **ret, struct err *e)
{
	const struct progress p = out_progress(a->out);
	int rc = agent_call_watched(verb, request, &p, ret, e);

	out_progress_done(a->out);
	if (rc == -ERR_UNREACHABLE && !e->hint[0])
		return err_hint(e, "nothing was changed here; the same again when it answers");
	return rc;
}
