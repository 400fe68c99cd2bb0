/* SPDX-License-Identifier: Apache-2.0 */
/* Between store.c and store_fault.c: which moments are LMDB's. */
#pragma once

#include <signal.h>

#include "registry/store.h"

extern volatile sig_atomic_t fault_in_lmdb; /* calls that are running */
extern volatile sig_atomic_t fault_maps;    /* databases that are open */

/* rc of a call of LMDB's, during which a fault is the database's */
#define LMDB(call)                           \
	__extension__({                      \
		fault_in_lmdb++;             \
		const int lmdb_rc_ = (call); \
		fault_in_lmdb--;             \
		lmdb_rc_;                    \
	})

/* LMDB found itself in a state that cannot be: as a fault. Returns where nobody wants to know. */
void fault_tell(void);
