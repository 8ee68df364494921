/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_READING_H
#define PVEGPU_TUI_READING_H

struct wizard;

/*
 * Reading the host for the wizard, beside the screen. A worker makes facts of its own and hands
 * them over whole, so nothing is shared while it works, no key waits for it, and what is on the
 * screen stays valid until the new facts are taken.
 */

/* Start, or, where no thread can be had, read at once. Nothing when one is under way. */
void reading_start(struct wizard *wizard);
/* Where one has ended since: judge by what it read. Returns at once. */
void reading_finish(struct wizard *wizard);
/* At the end of the program. Leaving does not wait for a host that is slow to read: the process
 * then ends here, with `status`, and the thread with it. The demo's own tree is never slow, and is
 * to be removed: that is waited for. */
void reading_leave(struct wizard *wizard, int status);

#endif
