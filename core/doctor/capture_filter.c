/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/doctor/capture_internal.h"
#include "pvegpu/base/process.h"
#include "pvegpu/base/text.h"
#include "pvegpu/facts/facts.h"

/* Which part of a file is needed. */

enum { TEXT_MAX = 4 << 20, LOG_MAX = 2 << 20 };

/* Lines with a word in them; `any` NULL: all. */
static char *lines_with(struct arena *arena, const char *text, const char *const *any)
{
	struct text out = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line))
		for (size_t i = 0; any[i]; i++)
			if (memmem(line.start, line.n, any[i], strlen(any[i]))) {
				text_add_bytes(&out, line.start, line.full);
				break;
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
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line)) {
		for (size_t i = 0; i < line.n;) {
			size_t run = strspn(line.start + i, "0123456789abcdefABCDEF");
			run = run > line.n - i ? line.n - i : run;
			bool address = (run == 8 || run == 32) &&
				       strspn(line.start + i, "0") < run &&
				       strspn(line.start + i, "Ff") < run;
			for (size_t c = 0; c < run; c++)
				text_add_bytes(&out, address ? "1" : line.start + i + c, 1);
			i += run;
			if (i < line.n) {
				text_add_bytes(&out, line.start + i, 1);
				i++;
			}
		}
		text_add(&out, "\n");
	}
	return text_take(&out, arena);
}

/* Binary, and known to hold nothing of the person's. */
static bool is_plain_binary(const char *path)
{
	return text_starts(path, "/sys/firmware/acpi/tables/") ||
	       text_starts(path, "/sys/firmware/efi/efivars/");
}

static void keep_binary(struct capture_item *item, struct arena *arena, const char *text, size_t n)
{
	item->text = arena_memdup(arena, text, n);
	item->n = n;
}

void capture_filter(struct collector *collector, struct capture_item *item, const char *path,
		char *text, size_t n)
{
	static const char *const vfio[] = {"vfio", NULL};
	static const char *const filesystem[] = {"E:ID_FS_TYPE=", "E:ID_FS_LABEL=", NULL};
	struct arena *arena = collector->capture->arena;
	if (is_plain_binary(path)) {
		keep_binary(item, arena, text, n);
		return;
	}
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
	if (strcmp(path, "/var/lib/dpkg/status") == 0) {
		text = manager_stanza(arena, text);
		item->note = arena_strdup(arena, "only the version of pve-manager");
	} else if (strstr(path, "/modules.dep") || strstr(path, "/modules.builtin")) {
		text = lines_with(arena, text, vfio);
		item->note = arena_strdup(arena, "only the lines with vfio");
	} else if (text_starts(path, "/run/udev/data/")) {
		text = arena_printf(arena, "I:1\n%s", lines_with(arena, text, filesystem));
		item->note = arena_strdup(arena, "only the kind of file system");
	} else if (strcmp(path, "/proc/net/route") == 0 ||
			strcmp(path, "/proc/net/ipv6_route") == 0) {
		text = hide_route(arena, text);
		item->note = arena_strdup(arena, "addresses replaced");
	}
	size_t most = text_starts(path, "/var/log/") ? LOG_MAX : TEXT_MAX;
	size_t size = strlen(text);
	if (size > most) { /* the end of a log is the newest */
		const char *from = strchr(text + size - most, '\n');
		strings_add(arena, &collector->capture->left_out,
				arena_printf(arena, "%s (all but its last %zu KiB)", item->path,
						most / 1024));
		text = arena_strdup(arena, from ? from + 1 : "");
	}
	item->text = redact(collector->redactor, arena, text, item->counts);
	item->n = strlen(item->text);
}

/* As dmesg shows it. */
static bool add_record(void *user, const char *record, size_t n)
{
	struct text *out = user;
	text_add(out, "[    0.000000] ");
	text_add_bytes(out, record, n);
	text_add(out, "\n");
	return out->n < TEXT_MAX;
}

static void add_kernel_log(struct collector *collector)
{
	enum { RECORDS_MAX = 100000 };
	struct arena *arena = collector->capture->arena;
	struct text out = {0};
	if (!facts_log_records(collector->root, RECORDS_MAX, add_record, &out))
		return;
	struct capture_item *item = arena_alloc(arena, sizeof *item);
	item->path = arena_strdup(arena, "/var/log/dmesg");
	item->text = redact(collector->redactor, arena, text_string(&out), item->counts);
	item->n = strlen(item->text);
	item->note = arena_strdup(arena, "from /dev/kmsg");
	text_free(&out);
	list_add(arena, &collector->capture->items, item);
}

/* One part of the journal as a file that the doctor reads in a tree. */
static void add_journal(struct collector *collector, const char *path, const char *const *argv)
{
	struct arena *arena = collector->capture->arena;
	struct process_result result;
	if (process_run(collector->root, argv, 60, NULL, NULL, arena, &result, NULL) < 0 ||
			result.exit_status != 0 || !*result.out)
		return;
	struct capture_item *item = arena_alloc(arena, sizeof *item);
	item->path = arena_strdup(arena, path);
	item->text = redact(collector->redactor, arena, result.out, item->counts);
	item->n = strlen(item->text);
	item->note = arena_strdup(arena, "from journalctl");
	list_add(arena, &collector->capture->items, item);
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
