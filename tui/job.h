/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: the console's acts (the same binary, the command line that was shown) and the
 * agent. posix_spawn, descriptors O_CLOEXEC, a passphrase over a pipe and never in argv or
 * environment.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/base/progress.h"

struct job; /* a running child */
/* argv[0] is ignored: this program's own file runs. stdout and stderr come through pipes.
 * passphrase NULL: none; else it is written to a pipe that the child gets as --passphrase-fd. */
int job_spawn(const char *const *argv, const char *passphrase, struct job **ret, struct err *e);
int job_out_fd(const struct job *j); /* to poll; -1 when closed */
int job_err_fd(const struct job *j);
/* Takes what is there now without waiting, and of very much a part. *ret_done when the child has
 * ended and both pipes are drained. */
int job_pump(struct job *j, struct buf *out, struct buf *err_text, bool *ret_done, int *ret_status,
             struct err *e);
void job_end(struct job *j);  /* asks it to end, and listens no more; pump says when it has */
void job_free(struct job *j); /* detaches: a child that runs goes on */

/* One request, one answer, from the agent ("plan", "status", "test"): JSON in on stdin, JSON out.
 * The agent's error (code, message, hint) becomes ours. */
int agent_call(const char *verb, const json_t *request, json_t **ret, struct err *e);
/* The same; a request with "progress": true has p told, in bytes, while it is waited for. */
int agent_call_watched(const char *verb, const json_t *request, const struct progress *p,
                       json_t **ret, struct err *e);
/* The same with an answer that does not end: *ret_fd gives an object a line (agent.h). The agent
 * ends when that is closed; the caller waits for *ret_pid. */
int agent_stream(const char *verb, const json_t *request, pid_t *ret_pid, int *ret_fd,
                 struct err *e);
/* An object that may be {"error":..}: that error becomes ours. */
int agent_error(const json_t *reply, struct err *e);
/* Starts a job in a process of its own, returns once the agent has taken the lock and logged the
 * beginning; the job's id. By setsid; where that would end with the session, in a scope of
 * systemd-run --user; where both would, with a warning. */
int agent_start(const char *registry_dir, const json_t *request, char ret_job_id[17],
                struct err *e);
