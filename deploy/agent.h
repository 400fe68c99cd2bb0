/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway-agent: all that talks to targets, in a process of its own. A request is one JSON object
 * on stdin, the answer one on stdout: {"error":{"code","message","hint"}} or what the verb gives.
 * It trusts neither its caller nor jobs/: plan, policy and signatures are verified here again.
 *   plan    {"kind","model","registry","stage","to"?}   what would change, and the intent itself
 *   status  {"model"?,"registry","stage"?}              what targets hold now
 *   test    {"registry","target","body"?,"reach"?}      reach it, say what it can do
 *   logs    {"model","previous","registry","stage"?,"tail"}  last lines of each instance;
 *           .. "target"?, "names": true                   which instances there are
 *   places  {"model","registry","stage"?,"target"?}     where it is served, nobody is asked
 *   find    {"model","registry","stage","target"}       a stream: {"instance","first"} as they
 *                                                       come; first: there at the beginning
 *   watch   as status                                   a stream: what status answers, and then
 *                                                       {"model","stage","target"}, each as it is
 *                                                       first seen and whenever it has changed;
 *           .. and "looks": true                          also {"model","stage","same"}: a look
 *                                                       that found nothing new at that target
 *   tail    .. and "instance", "tail"                   a stream: what it prints, as it does
 *   pull    {"registry","remote",..}                    blobs and a manifest (agent_pull.c)
 *   push    {"model","registry","remote","version",..}  a version into a store (agent_push.c)
 *   reach   {"kubeconfig"?,"context"?}                  where a kubeconfig leads
 *   start   {"job"?,"mode":"run"|"resume"|"abort","plan"?,"registry","timeout_ms"}
 *                                                       {"job":ID}, then goes on
 */
#pragma once

#include "registry/base/err.h"
#include "registry/base/json.h"

int agent_logs(const json_t *request, json_t **ret, struct err *e);
/* A stream is one object a line, {"end":true} the last one; it ends when nobody reads. */
int agent_places(const json_t *request, json_t **ret, struct err *e);
int agent_find(const json_t *request, json_t **ret, struct err *e);
int agent_tail(const json_t *request, json_t **ret, struct err *e);
int agent_watch(const json_t *request, json_t **ret, struct err *e);
int agent_plan(const json_t *request, json_t **ret, struct err *e);
int agent_status(const json_t *request, json_t **ret, struct err *e);
int agent_pull(const json_t *request, json_t **ret, struct err *e);
int agent_push(const json_t *request, json_t **ret, struct err *e);
int agent_reach(const json_t *request, json_t **ret, struct err *e);
int agent_test(const json_t *request, json_t **ret, struct err *e);
/* Calls answer once the job has begun (or was joined), then runs it to its end. */
int agent_start_job(const json_t *request, void (*answer)(const json_t *reply), struct err *e);
