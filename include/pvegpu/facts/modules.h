/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_MODULES_H
#define PVEGPU_FACTS_MODULES_H

#include "pvegpu/base/arena.h"

/* What is loaded, and what modprobe and the initramfs are told. */

struct module_file {
	char *path;
	struct strings names;
};

#endif
