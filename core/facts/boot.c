/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/*
 * Who boots this machine. The command line the kernel was given tells best: GRUB puts
 * BOOT_IMAGE= first, systemd-boot puts initrd=\EFI\… there (pve-docs, system-booting.adoc).
 * The presence of a file such as /etc/kernel/cmdline proves nothing.
 */
static void judge_loader(const struct root *root, struct facts *facts)
{
	char *uuids = root_read_value(root, "/etc/kernel/proxmox-boot-uuids", facts->arena);
	facts->proxmox_boot_tool = uuids && *uuids                    ? KNOWN_YES
				   : root_exists(root, "/etc/kernel") ? KNOWN_NO
								      : KNOWN_UNKNOWN;
	const char *source = "/proc/cmdline";
	const char *running = facts->cmdline_running ? facts->cmdline_running : "";
	if (strstr(running, "initrd=\\EFI\\")) {
		facts->boot_loader = BOOT_SYSTEMD;
	} else if (cmdline_value(&facts->cmdline_words, "BOOT_IMAGE")) {
		facts->boot_loader = BOOT_GRUB;
	} else if (facts->proxmox_boot_tool != KNOWN_YES &&
			root_exists(root, "/boot/grub/grub.cfg")) {
		facts->boot_loader = BOOT_GRUB;
		source = "/boot/grub/grub.cfg";
	}
	facts->boot_loader_source = arena_strdup(facts->arena, source);
	if (facts->boot_loader == BOOT_GRUB)
		facts->cmdline_file = arena_strdup(facts->arena, "/etc/default/grub");
	else if (facts->boot_loader == BOOT_SYSTEMD)
		facts->cmdline_file = arena_strdup(facts->arena, "/etc/kernel/cmdline");
}

/* In a captured tree the kernel's version may be recorded nowhere but in BOOT_IMAGE=. */
static void kernel_from_image(struct facts *facts)
{
	const char *image = cmdline_value(&facts->cmdline_words, "BOOT_IMAGE");
	const char *version = image ? strstr(image, "/vmlinuz-") : NULL;
	int major = 0;
	int minor = 0;
	if (facts->kernel || !version)
		return;
	version += strlen("/vmlinuz-");
	/* Bounded by the widths. NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(version, "%4d.%4d", &major, &minor) != 2)
		return;
	facts->kernel = arena_strdup(facts->arena, version);
	facts->kernel_major = major;
	facts->kernel_minor = minor;
}

static void read_grub_files(const struct root *root, struct facts *facts)
{
	struct arena *arena = facts->arena;
	struct error error;
	facts->grub.path = arena_strdup(arena, "/etc/default/grub");
	size_t size = 0;
	if (root_read(root, facts->grub.path, arena, &facts->grub.text, &size, &error) < 0) {
		if (root_exists(root, facts->grub.path))
			facts->grub.error = arena_strdup(arena, error.text);
		return;
	}
	if (strlen(facts->grub.text) != size)
		facts->grub_parse_error = arena_printf(arena,
				"%s holds a NUL byte: it is not a text file", facts->grub.path);
	else if (grub_default_parse(arena, facts->grub.path, facts->grub.text, &facts->grub_parsed,
				 &error) < 0)
		facts->grub_parse_error = arena_strdup(arena, error.text);
	struct strings names = {0};
	(void)root_list(root, "/etc/default/grub.d", arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (!text_ends(names.item[i], ".cfg"))
			continue;
		char *path = arena_printf(arena, "/etc/default/grub.d/%s", names.item[i]);
		char *text = NULL;
		struct grub_default parsed;
		if (root_read(root, path, arena, &text, NULL, NULL) < 0)
			continue;
		if (grub_default_parse(arena, path, text, &parsed, &error) < 0) {
			facts->grub_parse_error = arena_strdup(arena, error.text);
			continue;
		}
		if (grub_default_find(&parsed, "GRUB_CMDLINE_LINUX_DEFAULT", NULL))
			strings_add(arena, &facts->grub_overrides, path);
	}
}

char *facts_grub_menu(
		const struct root *root, struct arena *arena, const char *path, char **ret_kernel)
{
	char *text = NULL;
	if (root_read(root, path, arena, &text, NULL, NULL) < 0)
		return NULL;
	const char *cursor = text;
	struct line line;
	while (line_next(&cursor, text + strlen(text), &line)) {
		char *entry = text_trim(arena, line.start, line.n);
		if (!text_starts(entry, "linux\t") && !text_starts(entry, "linux "))
			continue;
		const char *image = entry + 5 + strspn(entry + 5, " \t");
		const char *rest = image + strcspn(image, " \t");
		const char *version = strstr(image, "/vmlinuz-");
		if (ret_kernel && version && version < rest) {
			version += strlen("/vmlinuz-");
			*ret_kernel = arena_strndup(arena, version, (size_t)(rest - version));
		}
		return text_trim(arena, rest, strlen(rest));
	}
	return NULL;
}

/* Another entry than the first may be what GRUB boots: then the first one says nothing. */
static void doubt_first_entry(struct facts *facts)
{
	const struct grub_assignment *chosen =
			grub_default_find(&facts->grub_parsed, "GRUB_DEFAULT", NULL);
	if (chosen && (chosen->dynamic || strcmp(chosen->value, "0") != 0))
		facts->kernel_next = NULL;
}

void facts_read_boot(const struct root *root, struct facts *facts)
{
	facts->cmdline_running = root_read_value(root, "/proc/cmdline", facts->arena);
	if (facts->cmdline_running)
		facts->cmdline_words = cmdline_words(facts->arena, facts->cmdline_running);
	kernel_from_image(facts);
	judge_loader(root, facts);
	read_grub_files(root, facts);
	if (facts->boot_loader == BOOT_GRUB) {
		facts->grub_cfg_cmdline = facts_grub_menu(
				root, facts->arena, "/boot/grub/grub.cfg", &facts->kernel_next);
		doubt_first_entry(facts);
	}
	struct error error;
	facts->kernel_cmdline.path = arena_strdup(facts->arena, "/etc/kernel/cmdline");
	if (root_read(root, facts->kernel_cmdline.path, facts->arena, &facts->kernel_cmdline.text,
			    NULL, &error) < 0 &&
			root_exists(root, facts->kernel_cmdline.path))
		facts->kernel_cmdline.error = arena_strdup(facts->arena, error.text);
}
