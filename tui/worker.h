/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_WORKER_H
#define PVEGPU_TUI_WORKER_H

#include <stdbool.h>

/*
 * Work beside the screen: one thread that does one thing, so that keys are answered meanwhile. The
 * thread that owns the terminal gets the signals that ask the program to end; a crash in the worker
 * still gives the terminal back. What the two share is the caller's to guard; what the work has
 * made may be read once worker_has_ended().
 */
struct worker;

/* Start `work` with `user`, which is lent until it has ended; NULL when no thread can be made. */
struct worker *worker_start(void (*work)(void *user), void *user);
bool worker_has_ended(const struct worker *worker); /* at once */
/* Wait for its end, and be rid of it. NULL is fine. */
void worker_join(struct worker *worker);

#endif
