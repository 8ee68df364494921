/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "core/logs/scan.h"
#include "pvegpu/base/process.h"
#include "pvegpu/base/text.h"

/*
 * The journal of a live host, by journalctl: `-o cat` is the cheapest form by far, and the matcher
 * needs no more. Only what passthrough can show up in is asked for, the newest lines of it.
 */
enum { TIMEOUT_S = 60, MATCHES = 4 };

static const struct part {
	const char *name;
	const char *matches[MATCHES]; /* fields of the journal; two of them with a + between: either
				       */
} parts[] = {
		{"kernel", {"_TRANSPORT=kernel", NULL}},
		{"QEMU", {"_COMM=kvm", "+", "SYSLOG_IDENTIFIER=QEMU", NULL}},
		{"pvedaemon", {"_SYSTEMD_UNIT=pvedaemon.service", NULL}},
		{"pveproxy", {"_SYSTEMD_UNIT=pveproxy.service", NULL}},
		{"qmeventd", {"_SYSTEMD_UNIT=qmeventd.service", NULL}},
		{"pve-guests", {"_SYSTEMD_UNIT=pve-guests.service", NULL}},
		{"modules and network", {"_COMM=systemd-modules", "+",
							"_SYSTEMD_UNIT=networking.service", NULL}},
};

struct capped {
	struct reading reading;
	uint64_t max;
	bool full;
};

static bool take_bytes(void *user, const char *bytes, size_t n)
{
	struct capped *capped = user;
	scan_bytes(&capped->reading, bytes, n);
	capped->full = capped->reading.stream.bytes >= capped->max;
	return !capped->full;
}

/* False when there is no journal of that boot, or no journalctl. */
static bool read_part(struct scan *scan, const struct root *root, const struct part *part,
		const char *boot, const char *boot_name)
{
	struct arena *arena = scan->arena;
	char *lines = arena_printf(arena, "%u", scan->limits.journal_lines);
	enum { FIRST = 8 };
	const char *argv[FIRST + MATCHES + 1] = {"journalctl", "--quiet", "--no-pager",
			"--output=cat", "-b", boot, "-n", lines};
	for (size_t i = 0; i < MATCHES && part->matches[i]; i++)
		argv[FIRST + i] = part->matches[i];
	struct log_source *source = scan_add_source(
			scan, arena_printf(arena, "journal: %s, %s", part->name, boot_name));
	source->earlier_boot = strcmp(boot, "0") != 0;
	struct capped capped = {.max = scan->limits.journal_bytes};
	scan_begin(scan, source, &capped.reading);
	struct process_result result = {0};
	struct error error;
	int status = process_stream(
			root, argv, TIMEOUT_S, take_bytes, &capped, arena, &result, &error);
	scan_end(&capped.reading);
	if (status < 0) {
		scan_say(scan, source, "not read: %s", error.text);
		return false;
	}
	if (capped.full)
		scan_say(scan, source, "only the first %s were read",
				scan_size(arena, source->bytes));
	else if (source->lines >= scan->limits.journal_lines)
		scan_say(scan, source, "only the newest %u lines were read",
				scan->limits.journal_lines);
	else if (result.exit_status != 0)
		scan_say(scan, source, "not read: %s",
				result.error_out[0]
						? text_trim(arena, result.error_out,
								  strcspn(result.error_out, "\n"))
						: "journalctl failed");
	return result.exit_status == 0 || capped.full || source->bytes;
}

/* A live host has one, and a sample tree that brings its own journalctl. */
bool scan_has_journal(const struct root *root, struct arena *arena)
{
	return root_kind(root) == ROOT_LIVE ||
	       (root_kind(root) == ROOT_SAMPLE && process_find(root, "journalctl", arena));
}

bool scan_journal(struct scan *scan, const struct root *root)
{
	if (!scan_has_journal(root, scan->arena))
		return false;
	bool now = read_part(scan, root, &parts[0], "0", "this boot");
	if (now && read_part(scan, root, &parts[0], "-1", "the boot before"))
		(void)read_part(scan, root, &parts[1], "-1", "the boot before");
	for (size_t i = 1; now && i < sizeof parts / sizeof *parts; i++)
		(void)read_part(scan, root, &parts[i], "0", "this boot");
	for (size_t i = 0; i < scan->sources.n; i++) {
		const struct log_source *source = scan->sources.item[i];
		if (text_starts(source->name, "journal: ") && source->bytes)
			return true;
	}
	return false;
}
