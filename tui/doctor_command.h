/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TUI_DOCTOR_COMMAND_H
#define PVEGPU_TUI_DOCTOR_COMMAND_H

#include "tui/options.h"

/* pvegpu doctor: returns the exit status. */
int doctor_command(const struct options *options);

#endif
