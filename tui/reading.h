/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_READING_H
#define PVEGPU_TUI_READING_H

#include "pvegpu/facts/facts.h"

/*
 * Reading the host beside the screen. A thread makes facts of its own and hands them over whole, so
 * nothing is shared while it works, no key waits for it, and what is on the screen stays valid
 * until the new facts are taken.
 */
struct reading;

/* Start; NULL when no thread can be made. `host` is lent until the reading has ended. */
struct reading *reading_start(struct host *host);
/* True once it has ended: then *ret_facts are the caller's, or NULL with the reason in err, and the
 * reading is gone. False at once while it still works. */
bool reading_take(struct reading *reading, struct facts **ret_facts, struct error *err);
/* Give up on it without waiting: true when it had ended and is gone; false when its thread still
 * runs, and the process must then end by _exit(). NULL is fine: true. */
bool reading_drop(struct reading *reading);

#endif
