/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/facts/cmdline.h"

#include <string.h>

#include "pvegpu/formats/kernel_cmdline.h"

struct strings facts_configured_words(const struct facts *facts, struct arena *arena)
{
	if (facts->boot_loader == BOOT_SYSTEMD)
		return cmdline_words(
				arena, cmdline_file_line(arena,
						       facts->kernel_cmdline.text
								       ? facts->kernel_cmdline.text
								       : ""));
	size_t n = facts->grub_files.n;
	struct grub_source *sources = arena_alloc(arena, (n + 1) * sizeof *sources);
	for (size_t i = 0; i < n; i++) {
		const struct grub_file *file = facts->grub_files.item[i];
		sources[i] = (struct grub_source){file->path, &file->parsed};
	}
	/* /etc/grub.d/10_linux puts them in this order, on one line: a line end in a value ends it.
	 */
	char *value = arena_printf(arena, "%s %s",
			grub_default_effective(arena, sources, n, "GRUB_CMDLINE_LINUX", NULL),
			grub_default_effective(
					arena, sources, n, "GRUB_CMDLINE_LINUX_DEFAULT", NULL));
	value[strcspn(value, "\n")] = '\0';
	return cmdline_words(arena, value);
}
