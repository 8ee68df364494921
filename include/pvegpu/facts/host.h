/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_HOST_H
#define PVEGPU_FACTS_HOST_H

#include <stdbool.h>

#include "pvegpu/facts/pci.h"

/* The machine and its running kernel. */

enum cpu_vendor { CPU_UNKNOWN, CPU_INTEL, CPU_AMD };

/* What the kernel's log of this boot says, where a check rests on it. */
enum log_kind {
	LOG_IOMMU_ON,
	LOG_REMAPPING_ON,
	LOG_REMAPPING_OFF,
	LOG_BAR_HELD,     /* vfio-pci could not reserve a BAR */
	LOG_BAR_UNPLACED, /* no address space was found for a BAR */
	LOG_POWER,        /* a device did not come back from a power state */
	LOG_FRAMEBUFFER,  /* a firmware framebuffer driver took the screen */
};
struct log_line {
	enum log_kind kind;
	struct pci_device *device; /* the line names it, or NULL */
	char *text;
};

/* A storage that is a directory of this node (/etc/pve/storage.cfg). */
struct storage {
	char *name, *path;
	bool snippets; /* hookscripts may lie there */
};

/* A CPU that is online. */
struct cpu {
	unsigned number;
	int core;  /* the first of the CPUs that are threads of its core */
	int cache; /* which of the last caches it shares, from 0; -1: not told */
	int node;  /* NUMA node; -1: not told */
};

/* What a kernel was built with, from /boot/config-VERSION. */
enum built { BUILT_UNKNOWN, BUILT_NO, BUILT_MODULE, BUILT_IN };
struct kernel_config {
	char *kernel;
	char *path;
	enum built simplefb;      /* CONFIG_SYSFB_SIMPLEFB: the firmware's screen becomes a
				     simple-framebuffer, not efifb's or vesafb's */
	enum built simpledrm;     /* CONFIG_DRM_SIMPLEDRM */
	enum built efifb, vesafb; /* CONFIG_FB_EFI, CONFIG_FB_VESA */
};

#endif
