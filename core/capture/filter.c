/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>

#include "core/capture/internal.h"
#include "pvegpu/base/process.h"
#include "pvegpu/base/text.h"
#include "pvegpu/facts/facts.h"

/* Which part of a file is needed, and in which form it may leave. */

enum { TEXT_MAX = 4 << 20, LOG_MAX = 2 << 20 };

/* Lines with a word in them. */
static char *lines_with(struct arena *arena, const char *text, const char *const *any)
{
	struct text out = {0};
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "\n");
		size_t full = n + (at[n] == '\n');
		for (size_t i = 0; any[i]; i++)
			if (memmem(at, n, any[i], strlen(any[i]))) {
				text_add_bytes(&out, at, full);
				break;
			}
		at += full;
	}
	return text_take(&out, arena);
}

/* The stanza of pve-manager in dpkg's status file: what names its version. */
static char *manager_stanza(struct arena *arena, const char *text)
{
	static const char package[] = "Package: pve-manager\n";
	const char *start = text_starts(text, package) ? text
						       : strstr(text, "\nPackage: pve-manager\n");
	if (!start)
		return arena_strdup(arena, "");
	start += *start == '\n';
	const char *end = strstr(start, "\n\n");
	static const char *const keep[] = {"Package: ", "Status: ", "Version: ", NULL};
	return arena_printf(arena, "%s\n",
			lines_with(arena,
					arena_strndup(arena, start,
							end ? (size_t)(end - start)
							    : strlen(start)),
					keep));
}

/* What tells that a VM runs: "kvm", "-id", its number, each with a NUL behind it. */
static char *vm_arguments(struct arena *arena, const char *text, size_t n, size_t *ret_n)
{
	struct text out = {0};
	const char *end = text + n;
	for (const char *at = text; at < end; at += strlen(at) + 1) {
		const char *next = at + strlen(at) + 1;
		if (strcmp(at, "-id") != 0 || next >= end)
			continue;
		static const char start[] = "kvm\0-id";
		if (!*next || next[strspn(next, "0123456789")])
			continue;
		text_add_bytes(&out, start, sizeof start);
		text_add_bytes(&out, next, strlen(next) + 1);
		break;
	}
	*ret_n = out.n;
	char *copy = arena_memdup(arena, text_string(&out), out.n);
	text_free(&out);
	return copy;
}

/* Destination and gateway are addresses in hex; the default route is all zeros. */
static char *hide_route(struct arena *arena, const char *text)
{
	struct text out = {0};
	const char *end = text + strlen(text);
	for (const char *at = text; at < end;) {
		size_t run = strspn(at, "0123456789abcdefABCDEF");
		bool address = (run == 8 || run == 32) && strspn(at, "0") < run &&
			       strspn(at, "Ff") < run;
		for (size_t c = 0; c < run; c++)
			text_add_bytes(&out, address ? "1" : at + c, 1);
		at += run;
		if (at < end)
			text_add_bytes(&out, at++, 1);
	}
	return text_take(&out, arena);
}

/* Of a firmware's boot entry only the loader that it names: the rest are disks and their ids. */
static char *boot_entry(struct arena *arena, const char *bytes, size_t n, size_t *ret_n)
{
	static const char *const loaders[] = {"systemd-boot", "grubx64", "shimx64"};
	struct text out = {0};
	char *letters = arena_alloc(arena, n + 1);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (bytes[i] >= ' ' && bytes[i] <= '~')
			letters[kept++] = bytes[i];
	text_add_bytes(&out, "\7\0\0\0", 4);
	for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
		if (strcasestr(letters, loaders[i]))
			text_add(&out, loaders[i]);
	*ret_n = out.n;
	char *copy = arena_memdup(arena, text_string(&out), out.n);
	text_free(&out);
	return copy;
}

/* Binary, and known to hold nothing of the person's; false: not of this kind. */
static bool keep_binary(struct collector *collector, struct capture_item *item, const char *path,
		const char *bytes, size_t n)
{
	enum { VARIABLE_MAX = 12 }; /* attributes and a number */
	static const char variables[] = "/sys/firmware/efi/efivars/";
	struct arena *arena = collector->capture->arena;
	bool variable = text_starts(path, variables);
	const char *name = path + (variable ? sizeof variables - 1 : 0);
	if (strcmp(path, "/sys/firmware/acpi/tables/DMAR") == 0 ||
			strcmp(path, "/sys/firmware/acpi/tables/IVRS") == 0 ||
			(variable && n <= VARIABLE_MAX)) {
		item->text = arena_memdup(arena, bytes, n);
		item->n = n;
		return true;
	}
	if (!variable || !text_starts(name, "Boot"))
		return false;
	item->text = boot_entry(arena, bytes, n, &item->n);
	item->note = arena_strdup(arena, "only the name of the loader");
	return true;
}

/* In which form a file is read; what is not listed is taken word by word. */
static enum redact_form form_of(const char *path)
{
	static const struct {
		const char *start, *end;
		enum redact_form form;
	} forms[] = {
			{"/var/log/", "", REDACT_LOG},
			{"/etc/pve/nodes/", ".conf", REDACT_GUEST},
			{"/etc/pve/qemu-server/", ".conf", REDACT_GUEST},
			{"/etc/pve/lxc/", ".conf", REDACT_GUEST},
			{"/etc/pve/corosync.conf", "", REDACT_CLUSTER},
			{"/etc/corosync/", ".conf", REDACT_CLUSTER},
			{"/etc/pve/.members", "", REDACT_CLUSTER},
			{"/proc/cmdline", "", REDACT_CMDLINE},
			{"/etc/kernel/cmdline", "", REDACT_CMDLINE},
			{"/etc/default/grub", "", REDACT_SHELL},
			{"/boot/grub/", ".cfg", REDACT_GRUB_MENU},
			{"/etc/grub.d/", "", REDACT_GRUB_MENU},
			{"/boot/", ".conf", REDACT_GRUB_MENU},
			{"/etc/hosts", "", REDACT_HOSTS},
			{"/etc/hostname", "", REDACT_HOSTS},
			{"/proc/iomem", "", REDACT_NUMBERS},
			{"/proc/ioports", "", REDACT_NUMBERS},
			{"/proc/net/", "route", REDACT_NUMBERS},
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (text_starts(path, forms[i].start) && text_ends(path, forms[i].end))
			return forms[i].form;
	return REDACT_TEXT;
}

/* The lines that are needed of a long file. */
static char *needed_part(
		struct arena *arena, struct capture_item *item, const char *path, char *text)
{
	static const char *const vfio[] = {"vfio", NULL};
	static const char *const filesystem[] = {"E:ID_FS_TYPE=", "E:ID_FS_LABEL=", NULL};
	const char *note = NULL;
	if (strcmp(path, "/var/lib/dpkg/status") == 0) {
		text = manager_stanza(arena, text);
		note = "only the version of pve-manager";
	} else if (strstr(path, "/modules.dep") || strstr(path, "/modules.builtin")) {
		text = lines_with(arena, text, vfio);
		note = "only the lines with vfio";
	} else if (text_starts(path, "/run/udev/data/")) {
		text = arena_printf(arena, "I:1\n%s", lines_with(arena, text, filesystem));
		note = "only the kind of file system";
	} else if (text_starts(path, "/proc/net/") && text_ends(path, "route")) {
		text = hide_route(arena, text);
		note = "addresses replaced";
	}
	item->note = arena_strdup(arena, note);
	return text;
}

void capture_filter(struct collector *collector, struct capture_item *item, const char *path,
		char *text, size_t n)
{
	struct arena *arena = collector->capture->arena;
	if (keep_binary(collector, item, path, text, n))
		return;
	if (text_starts(path, "/proc/") && text_ends(path, "/cmdline") &&
			strcmp(path, "/proc/cmdline") != 0) {
		item->text = vm_arguments(arena, text, n, &item->n);
		item->note = arena_strdup(arena, "only the VM's number");
		return;
	}
	if (text_starts(path, "/boot/initrd.img-") || strlen(text) != n) {
		add_placeholder(collector, item, "left out: not text");
		strings_add(arena, &collector->capture->left_out,
				arena_printf(arena, "%s (not text, %zu bytes)", item->path, n));
		return;
	}
	text = needed_part(arena, item, path, text);
	size_t most = text_starts(path, "/var/log/") ? LOG_MAX : TEXT_MAX;
	size_t size = strlen(text);
	if (size > most) { /* the end of a log is the newest */
		const char *from = strchr(text + size - most, '\n');
		strings_add(arena, &collector->capture->left_out,
				arena_printf(arena, "%s (all but its last %zu KiB)", item->path,
						most / 1024));
		text = arena_strdup(arena, from ? from + 1 : "");
	}
	item->text = redact(collector->redactor, arena, form_of(path), text, item->counts);
	item->n = strlen(item->text);
}

/* As dmesg shows it. */
static bool add_record(void *user, uint64_t microseconds, const char *record, size_t n)
{
	enum { SECOND = 1000000 };
	struct text *out = user;
	text_addf(out, "[%5llu.%06llu] ", (unsigned long long)(microseconds / SECOND),
			(unsigned long long)(microseconds % SECOND));
	text_add_bytes(out, record, n);
	text_add(out, "\n");
	return out->n < TEXT_MAX;
}

/* A file that only the capture has. */
static void add_output(
		struct collector *collector, const char *path, const char *text, const char *note)
{
	struct arena *arena = collector->capture->arena;
	struct capture_item *item = arena_alloc(arena, sizeof *item);
	item->path = arena_strdup(arena, path);
	item->text = redact(collector->redactor, arena, REDACT_LOG, text, item->counts);
	item->n = strlen(item->text);
	item->note = arena_strdup(arena, note);
	list_add(arena, &collector->capture->items, item);
}

static void add_kernel_log(struct collector *collector)
{
	enum { RECORDS_MAX = 100000 };
	struct text out = {0};
	if (facts_log_records(collector->root, RECORDS_MAX, add_record, &out))
		add_output(collector, "/var/log/dmesg", text_string(&out), "from /dev/kmsg");
	text_free(&out);
}

/* One part of the journal as a file that the doctor reads in a tree. */
static void add_journal(struct collector *collector, const char *path, const char *const *argv)
{
	struct process_result result;
	if (process_run(collector->root, argv, 60, NULL, NULL, collector->capture->arena, &result,
			    NULL) < 0 ||
			result.exit_status != 0 || !*result.out)
		return;
	add_output(collector, path, result.out, "from journalctl");
}

void capture_add_outputs(struct collector *collector)
{
	if (root_kind(collector->root) != ROOT_LIVE)
		return;
	static const char *const argv[] = {"journalctl", "--quiet", "--no-pager", "--output=short",
			"-b", "0", "-n", "20000", "_SYSTEMD_UNIT=pvedaemon.service", "+",
			"_SYSTEMD_UNIT=pveproxy.service", "+", "_SYSTEMD_UNIT=qmeventd.service",
			"+", "_COMM=kvm", NULL};
	static const char *const before[] = {"journalctl", "--quiet", "--no-pager",
			"--output=short", "-k", "-b", "-1", "-n", "20000", NULL};
	add_kernel_log(collector);
	add_journal(collector, "/var/log/syslog", argv);
	add_journal(collector, "/var/log/kern.log.1", before);
}
