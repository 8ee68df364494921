/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVESIM_BATCH_H
#define PVESIM_BATCH_H

/* --batch: JSON lines in, verdicts out, no network. Returns the exit status. */
int batch_run(void);

#endif
