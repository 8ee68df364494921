/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_SCREENS_STEPS_H
#define PVEGPU_TUI_SCREENS_STEPS_H

#include "tui/wizard.h"

/* The steps, one file each; wizard.c holds them in the guide's order. */
extern const struct wizard_step step_bios, step_boot, step_vfio, step_gpu, step_vm, step_attach,
		step_verify, step_audit, step_doctor, step_diagnosis;

/* doctor.c: guided troubleshooting. Open it (KEY_ENDED when the program is to end meanwhile), read
 * host and logs again, and give the wizard its own goal back. */
int doctor_open(struct wizard *wizard);
int doctor_read_again(struct wizard *wizard);
void doctor_leave(struct wizard *wizard);
void doctor_free(struct doctor *doctor); /* NULL is fine */

/* What '?' shows of a GPU and of a VM (row_page of wizard.h; row->data is the one). */
row_page gpu_page, vm_page, cpus_page, share_page;

#endif
