/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_FACTS_BOOT_H
#define PVEGPU_FACTS_BOOT_H

#include "pvegpu/base/arena.h"
#include "pvegpu/facts/known.h"
#include "pvegpu/formats/grub_default.h"

/* What boots the host, and with which command line. */

enum boot_loader { BOOT_UNKNOWN, BOOT_GRUB, BOOT_SYSTEMD };

/* An EFI system partition that proxmox-boot-tool keeps, and the command lines on it. */
struct esp {
	char *uuid;
	char *mounted_at;    /* NULL: not mounted, so not read */
	struct list entries; /* of struct boot_entry */
};
struct boot_entry {
	char *path;   /* of the file it is from */
	char *kernel; /* its version, or NULL */
	char *cmdline;
};

/* A file that grub-mkconfig sources. */
struct grub_file {
	char *path;
	char *text;
	struct grub_default parsed;
};

#endif
