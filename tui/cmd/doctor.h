/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of the doctor: cmd_doctor.c shows them, the other files make them. A check looks and
 * says; it repairs nothing and leaves nothing behind.
 */
#pragma once

#include "tui/app.h"

enum doctor_level { DOCTOR_OK, DOCTOR_NONE, DOCTOR_WARN, DOCTOR_BAD, DOCTOR_LEVELS };
struct doctor {
	struct app *app;
	unsigned n[DOCTOR_LEVELS];
};
/* One finding about `check`; NONE: could not be looked at, or is not there. next: what to do, NULL
 * for nothing. */
void doctor_say(struct doctor *d, const char *check, enum doctor_level level, const char *next,
                const char *fmt, ...) PRINTF(5, 6);
/* The error as a finding, its hint as what to do. */
void doctor_say_err(struct doctor *d, const char *check, enum doctor_level level,
                    const struct err *e);

void doctor_program(struct doctor *d);  /* programs beside, settings, hooks */
void doctor_person(struct doctor *d);   /* key files, ssh-agent */
void doctor_session(struct doctor *d);  /* terminal, logind, limits */
void doctor_registry(struct doctor *d); /* folder, file system, clock, log, database, policy */
