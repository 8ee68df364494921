/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_CORE_PVE_INTERNAL_H
#define PVEGPU_CORE_PVE_INTERNAL_H

#include "pvegpu/pve/client.h"

extern const struct pve_transport pvesh_transport;
void *pvesh_new(const struct root *root);

#endif
