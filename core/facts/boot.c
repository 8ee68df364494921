/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/kernel_cmdline.h"

/*
 * The loader that the firmware started: BootCurrent names a variable BootXXXX whose path is UTF-16,
 * \\EFI\\systemd\\systemd-bootx64.efi or \\EFI\\proxmox\\grubx64.efi (pve-docs,
 * system-booting.adoc). Each begins with four bytes of attributes.
 */
static enum boot_loader read_efi_loader(const struct root *root, struct arena *arena)
{
	static const char guid[] = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
	static const char dir[] = "/sys/firmware/efi/efivars";
	char *bytes = NULL;
	size_t size = 0;
	if (root_read(root, arena_printf(arena, "%s/BootCurrent-%s", dir, guid), arena, &bytes,
			    &size, NULL) < 0 ||
			size < 6)
		return BOOT_UNKNOWN;
	unsigned number = (unsigned char)bytes[4] | (unsigned)(unsigned char)bytes[5] << 8;
	if (root_read(root, arena_printf(arena, "%s/Boot%04X-%s", dir, number, guid), arena, &bytes,
			    &size, NULL) < 0)
		return BOOT_UNKNOWN;
	char *letters = arena_alloc(arena, size + 1);
	size_t n = 0;
	for (size_t i = 0; i < size; i++)
		if (bytes[i] >= ' ' && bytes[i] <= '~')
			letters[n++] = bytes[i];
	return strcasestr(letters, "systemd-boot")                                ? BOOT_SYSTEMD
	       : strcasestr(letters, "grubx64") || strcasestr(letters, "shimx64") ? BOOT_GRUB
										  : BOOT_UNKNOWN;
}

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
	} else if (read_efi_loader(root, facts->arena) != BOOT_UNKNOWN) {
		facts->boot_loader = read_efi_loader(root, facts->arena);
		source = "/sys/firmware/efi/efivars (BootCurrent)";
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
	if (facts->kernel || !version)
		return;
	facts->kernel = arena_strdup(facts->arena, version + strlen("/vmlinuz-"));
	facts_kernel_numbers(facts);
	if (facts->kernel_major < 0)
		facts->kernel = NULL;
}

static void read_grub_file(const struct root *root, struct facts *facts, const char *path)
{
	struct arena *arena = facts->arena;
	struct error error;
	struct grub_file file = {.path = arena_strdup(arena, path)};
	size_t size = 0;
	if (root_read(root, path, arena, &file.text, &size, &error) < 0) {
		facts->grub_parse_error = arena_strdup(arena, error.text);
		return;
	}
	if (strlen(file.text) != size) {
		facts->grub_parse_error = arena_printf(
				arena, "%s holds a NUL byte: it is not a text file", path);
		return;
	}
	if (grub_default_parse(arena, path, file.text, &file.parsed, &error) < 0) {
		facts->grub_parse_error = arena_strdup(arena, error.text);
		return;
	}
	struct grub_file *kept = arena_alloc(arena, sizeof *kept);
	*kept = file;
	list_add(arena, &facts->grub_files, kept);
}

/* grub-mkconfig sources /etc/default/grub and then /etc/default/grub.d/NAME.cfg by name. */
static void read_grub_files(const struct root *root, struct facts *facts)
{
	static const char path[] = "/etc/default/grub";
	struct arena *arena = facts->arena;
	struct error error;
	facts->grub.path = arena_strdup(arena, path);
	if (root_read(root, path, arena, &facts->grub.text, NULL, &error) < 0) {
		if (root_exists(root, path))
			facts->grub.error = arena_strdup(arena, error.text);
	} else {
		read_grub_file(root, facts, path);
	}
	struct strings names = {0};
	(void)root_list(root, "/etc/default/grub.d", arena, &names);
	for (size_t i = 0; i < names.n; i++) {
		/* As the shell's *.cfg: no hidden files, none that a link leads nowhere to. */
		char *file = arena_printf(arena, "/etc/default/grub.d/%s", names.item[i]);
		if (text_ends(names.item[i], ".cfg") && names.item[i][0] != '.' &&
				root_leads(root, file))
			read_grub_file(root, facts, file);
	}
	struct grub_file *first = facts->grub_files.n ? facts->grub_files.item[0] : NULL;
	if (first && strcmp(first->path, path) == 0)
		facts->grub_parsed = first->parsed;
}

/* What GRUB's files ask for that never reaches the kernel. */
static void find_lost_words(struct facts *facts)
{
	struct arena *arena = facts->arena;
	size_t n = facts->grub_files.n;
	struct grub_source *sources = arena_alloc(arena, (n + 1) * sizeof *sources);
	for (size_t i = 0; i < n; i++) {
		const struct grub_file *file = facts->grub_files.item[i];
		sources[i] = (struct grub_source){file->path, &file->parsed};
	}
	const char *value = arena_printf(arena, "%s %s",
			grub_default_effective(arena, sources, n, "GRUB_CMDLINE_LINUX", NULL),
			grub_default_effective(
					arena, sources, n, "GRUB_CMDLINE_LINUX_DEFAULT", NULL));
	const char *end = strchr(value, '\n');
	if (facts->boot_loader == BOOT_GRUB && end && end[strspn(end, " \t\n")])
		facts->grub_cut = arena_strdup(arena, end + strspn(end, " \t\n"));
	if (facts->boot_loader != BOOT_SYSTEMD || !facts->kernel_cmdline.text)
		return;
	struct strings words = cmdline_words(arena, value);
	struct strings used = cmdline_words(arena, facts->kernel_cmdline.text);
	for (size_t i = 0; i < words.n; i++) /* quiet is the installer's */
		if (strcmp(words.item[i], "quiet") != 0 && !strings_has(&used, words.item[i]))
			strings_add(arena, &facts->grub_unused, words.item[i]);
}

struct list facts_grub_menu(const struct root *root, struct arena *arena, const char *path)
{
	struct list entries = {0};
	char *text = NULL;
	if (root_read(root, path, arena, &text, NULL, NULL) < 0)
		return entries;
	/* Entries of other systems, of memtest and of the person's own are not made from the file.
	 */
	const char *begin = strstr(text, "### BEGIN /etc/grub.d/10_linux ###");
	const char *end = begin ? strstr(begin, "### END /etc/grub.d/10_linux ###") : NULL;
	struct lines cursor = end ? lines_start_n(begin, (size_t)(end - begin)) : lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		char *content = text_trim(arena, line.start, line.n);
		if (!text_starts(content, "linux\t") && !text_starts(content, "linux "))
			continue;
		const char *image = content + 5 + strspn(content + 5, " \t");
		const char *rest = image + strcspn(image, " \t");
		const char *version = strstr(image, "/vmlinuz-");
		struct strings words = cmdline_words(arena, rest);
		/* 10_linux gives recovery entries "single" and not the DEFAULT words. */
		if (strings_has(&words, "single") || !version || version >= rest)
			continue;
		struct boot_entry *entry = arena_alloc(arena, sizeof *entry);
		entry->path = arena_strdup(arena, path);
		entry->cmdline = text_trim(arena, rest, strlen(rest));
		version += strlen("/vmlinuz-");
		entry->kernel = arena_strndup(arena, version, (size_t)(rest - version));
		list_add(arena, &entries, entry);
	}
	return entries;
}

/* "gnulinux-advanced-ID": how proxmox-boot-tool finds it (proxmox-boot/functions). */
static void read_submenu(const struct root *root, struct facts *facts)
{
	static const char start[] = "gnulinux-advanced-";
	char *text = NULL;
	if (root_read(root, "/boot/grub/grub.cfg", facts->arena, &text, NULL, NULL) < 0)
		return;
	const char *menu = strstr(text, "\nsubmenu ");
	const char *found = menu ? strstr(menu, start) : NULL;
	if (!found || memchr(menu + 1, '\n', (size_t)(found - menu - 1)))
		return;
	found += strlen(start);
	size_t n = strcspn(found, "'\" \n");
	facts->grub_submenu = n ? arena_strndup(facts->arena, found, n) : NULL;
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
	/* On the boot tool's hosts the menu that counts is on the ESPs; this one may be old. */
	if (facts->boot_loader == BOOT_GRUB && facts->proxmox_boot_tool != KNOWN_YES) {
		facts->boot_entries = facts_grub_menu(root, facts->arena, "/boot/grub/grub.cfg");
		if (facts->boot_entries.n)
			facts->kernel_next =
					((struct boot_entry *)facts->boot_entries.item[0])->kernel;
		doubt_first_entry(facts);
		read_submenu(root, facts);
	}
	struct error error;
	struct stat custom;
	facts->grub_custom.path = arena_strdup(facts->arena, "/boot/grub/custom.cfg");
	if (root_read(root, facts->grub_custom.path, facts->arena, &facts->grub_custom.text, NULL,
			    &error) < 0 &&
			root_exists(root, facts->grub_custom.path))
		facts->grub_custom.error = arena_strdup(facts->arena, error.text);
	facts->grub_custom_read = root_stat(root, "/etc/grub.d/41_custom", &custom) == 0 &&
								  (custom.st_mode & 0111)
						  ? KNOWN_YES
						  : KNOWN_NO;
	facts->kernel_cmdline.path = arena_strdup(facts->arena, "/etc/kernel/cmdline");
	if (root_read(root, facts->kernel_cmdline.path, facts->arena, &facts->kernel_cmdline.text,
			    NULL, &error) < 0 &&
			root_exists(root, facts->kernel_cmdline.path))
		facts->kernel_cmdline.error = arena_strdup(facts->arena, error.text);
	find_lost_words(facts);
}
