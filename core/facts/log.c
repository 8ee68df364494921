/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/facts/internal.h"
#include "pvegpu/base/text.h"

/*
 * The kernel's log of this boot: /dev/kmsg on a live host, where every read gives one record
 * (Documentation/ABI/testing/dev-kmsg) and nothing is taken away; a file of `dmesg`'s output in a
 * captured tree. Only the lines that a check rests on are kept.
 */
static const struct pattern {
	enum log_kind kind;
	char rare;          /* of the letters of `first`, the one that logs have least of */
	const char *first;  /* both must be in the line */
	const char *second; /* or NULL */
	char rare_second;
} patterns[] = {
		/* those with the same first text stand together */
		{LOG_IOMMU_ON, 'U', "DMAR: IOMMU enabled", NULL, '\0'},
		{LOG_IOMMU_ON, 'V', "AMD-Vi: Found IOMMU", NULL, '\0'},
		{LOG_REMAPPING_ON, 'V', "AMD-Vi: Interrupt remapping enabled", NULL, '\0'},
		{LOG_REMAPPING_ON, 'Q', "Enabled IRQ remapping in", NULL, '\0'},
		{LOG_REMAPPING_OFF, 'q', "Failed to enable irq remapping", NULL, '\0'},
		{LOG_REMAPPING_OFF, 'N', "No interrupt remapping support", NULL, '\0'},
		{LOG_BAR_HELD, 'B', "BAR ", "can't reserve [", '['},
		{LOG_BAR_HELD, 'B', "BAR ", "]: can't reserve", ']'},
		{LOG_BAR_UNPLACED, 'B', "BAR ", "no space for [", '['},
		{LOG_BAR_UNPLACED, 'B', "BAR ", "]: can't assign; no space", ']'},
		{LOG_POWER, 'w', "change power state", NULL, '\0'},
		{LOG_FRAMEBUFFER, 'b', "fb0: ", "frame buffer device", 'b'},
		{LOG_FRAMEBUFFER, 'b', "assigned to efifb", NULL, '\0'},
};

/* The first word of the line that is the address of a device, with or without a colon after it. */
static struct pci_device *device_in(const struct facts *facts, const char *text)
{
	for (const char *at = text; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ')) {
		size_t n = strcspn(at, " ");
		char word[PCI_ADDRESS_TEXT];
		struct pci_address address;
		if (n && at[n - 1] == ':')
			n--;
		if (n < 12 || n >= sizeof word)
			continue;
		memcpy(word, at, n);
		word[n] = '\0';
		if (pci_address_parse_full(word, &address))
			return facts_device(facts, &address);
	}
	return NULL;
}

enum { PATTERNS = sizeof patterns / sizeof *patterns };

/* memmem() needs some 300 instructions to begin and two for each byte, memchr() hardly any. */
static const char *find_text(const char *text, char rare, const char *from, const char *end)
{
	size_t n = strlen(text);
	size_t ahead = (size_t)(strchrnul(text, rare) - text);
	if ((size_t)(end - from) < n)
		return NULL;
	const char *last = end - n;
	for (const char *at = from; at <= last; at++) {
		const char *found = memchr(at + ahead, rare, (size_t)(last - at + 1));
		if (!found)
			return NULL;
		at = found - ahead;
		if (memcmp(at, text, n) == 0)
			return at;
	}
	return NULL;
}

static const char *find_first(const struct pattern *pattern, const char *from, const char *end)
{
	return find_text(pattern->first, pattern->rare, from, end);
}

/* `next`: as look_ahead() left it. */
static void keep_line(
		struct facts *facts, const char *const next[PATTERNS], const char *start, size_t n)
{
	for (size_t i = 0; i < PATTERNS; i++) {
		const struct pattern *pattern = &patterns[i];
		if (next[i] >= start + n ||
				(pattern->second &&
						!find_text(pattern->second, pattern->rare_second,
								start, start + n)))
			continue;
		struct log_line *line = arena_alloc(facts->arena, sizeof *line);
		line->kind = pattern->kind;
		line->text = text_trim(facts->arena, start, n);
		line->device = device_in(facts, line->text);
		list_add(facts->arena, &facts->log, line);
		return;
	}
}

/* Where each pattern's first text comes next, at `from` or later; `end` when it does not. */
static void look_ahead(const char *next[PATTERNS], const char *from, const char *end)
{
	for (size_t i = 0; i < PATTERNS; i++) {
		if (next[i] && next[i] >= from)
			continue;
		if (i > 0 && strcmp(patterns[i].first, patterns[i - 1].first) == 0)
			next[i] = next[i - 1];
		else
			next[i] = find_first(&patterns[i], from, end);
		if (!next[i])
			next[i] = end;
	}
}

/* The whole text is searched for each pattern, not each line: hardly any line holds one. */
static void keep_lines(struct facts *facts, const char *text, size_t size)
{
	const char *next[PATTERNS] = {NULL};
	const char *end = text + size;
	const char *at = text;
	while (at < end) {
		const char *nearest = end;
		look_ahead(next, at, end);
		for (size_t i = 0; i < PATTERNS; i++)
			nearest = next[i] < nearest ? next[i] : nearest;
		if (nearest == end)
			return;
		const char *before = memrchr(at, '\n', (size_t)(nearest - at));
		const char *start = before ? before + 1 : at;
		const char *stop = memchr(nearest, '\n', (size_t)(end - nearest));
		stop = stop ? stop : end;
		keep_line(facts, next, start, (size_t)(stop - start));
		at = stop < end ? stop + 1 : end;
	}
}

/* "6,339,5140900,-;text\n KEY=value\n": priority and flags end at the semicolon. */
static bool hand_record(const char *record, size_t size, facts_log_record *each, void *user)
{
	const char *text = memchr(record, ';', size);
	if (!text)
		return true;
	uint64_t microseconds = 0;
	const char *comma = memchr(record, ',', (size_t)(text - record));
	comma = comma ? memchr(comma + 1, ',', (size_t)(text - comma - 1)) : NULL;
	for (const char *c = comma ? comma + 1 : text; *c >= '0' && *c <= '9'; c++)
		microseconds = microseconds * 10 + (uint64_t)(*c - '0');
	text++;
	size_t left = size - (size_t)(text - record);
	const char *end = memchr(text, '\n', left);
	return each(user, microseconds, text, end ? (size_t)(end - text) : left);
}

bool facts_log_records(const struct root *root, int most, facts_log_record *each, void *user)
{
	enum { RECORD_MAX = 8192 }; /* a record has at most CONSOLE_EXT_LOG_MAX bytes */
	char record[RECORD_MAX];
	bool any = false;
	bool more = true;
	int fd = root_openat(root, "/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return false;
	for (int i = 0; i < most && more; i++) {
		ssize_t n = read(fd, record, sizeof record);
		if (n > 0) {
			more = hand_record(record, (size_t)n, each, user);
		} else if (n == 0 || (errno != EPIPE && errno != EINTR)) {
			if (n < 0 && errno != EAGAIN)
				root_note_failure(root, "/dev/kmsg", errno);
			break; /* EPIPE: a record was overwritten while it was read */
		}
		any = true;
	}
	(void)close(fd);
	return any;
}

/* A log goes by in parts of whole lines: all of it at once would be most of the memory that an
 * audit takes. */
enum { PART = 32 * 1024 };
struct passing {
	struct facts *facts;
	bool boots; /* it may hold several boots: only the last one counts */
	size_t n;
	char part[PART];
};

/* What was kept of a boot before is forgotten where another one begins. */
static void keep_part(struct passing *passing, size_t size)
{
	static const char first[] = "Linux version ";
	const char *start = passing->part;
	const char *end = passing->part + size;
	for (const char *at = start; passing->boots; at = start + 1) {
		const char *boot = memmem(at, (size_t)(end - at), first, sizeof first - 1);
		if (!boot)
			break;
		passing->facts->log.n = 0;
		start = boot;
	}
	keep_lines(passing->facts, start, (size_t)(end - start));
	passing->n -= size;
	memmove(passing->part, end, passing->n);
}

/* The lines that are whole by now; of a longer one that fills it, what there is. */
static void keep_whole_lines(struct passing *passing)
{
	const char *last = memrchr(passing->part, '\n', passing->n);
	if (last)
		keep_part(passing, (size_t)(last + 1 - passing->part));
	else if (passing->n == sizeof passing->part)
		keep_part(passing, passing->n);
}

static bool keep_record(void *user, uint64_t microseconds, const char *text, size_t n)
{
	struct passing *passing = user;
	(void)microseconds;
	if (n + 1 > sizeof passing->part - passing->n)
		keep_whole_lines(passing);
	memcpy(passing->part + passing->n, text, n);
	passing->n += n;
	passing->part[passing->n++] = '\n';
	return true;
}

static void read_records(const struct root *root, struct facts *facts)
{
	enum { RECORDS_MAX = 1 << 20 }; /* far above what the ring buffer can hold */
	struct passing passing = {.facts = facts};
	if (facts_log_records(root, RECORDS_MAX, keep_record, &passing)) {
		facts->log_known = KNOWN_YES;
		facts->log_source = arena_strdup(facts->arena, "/dev/kmsg");
		keep_part(&passing, passing.n);
	}
}

static void read_file(const struct root *root, struct facts *facts, const char *path)
{
	struct passing passing = {.facts = facts, .boots = true};
	int fd = -1;
	if (root_open_file(root, path, &fd, NULL, NULL) < 0)
		return;
	ssize_t got = 0;
	while ((got = read(fd, passing.part + passing.n, sizeof passing.part - passing.n)) > 0) {
		passing.n += (size_t)got;
		keep_whole_lines(&passing);
	}
	if (got < 0) {
		root_note_failure(root, path, errno);
		facts->log.n = 0;
	} else {
		keep_part(&passing, passing.n);
		facts->log_known = KNOWN_YES;
		facts->log_source = arena_strdup(facts->arena, path);
	}
	(void)close(fd);
}

static void judge_remapping(struct facts *facts)
{
	for (size_t i = 0; i < facts->log.n; i++) {
		const struct log_line *line = facts->log.item[i];
		if (line->kind != LOG_REMAPPING_ON && line->kind != LOG_REMAPPING_OFF)
			continue;
		facts->interrupt_remapping = line->kind == LOG_REMAPPING_ON ? KNOWN_YES : KNOWN_NO;
		facts->interrupt_remapping_source = facts->log_source;
	}
}

void facts_read_log(const struct root *root, struct facts *facts)
{
	static const char *const files[] = {"/var/log/dmesg", "/var/log/kern.log"};
	facts->log_known = KNOWN_UNKNOWN;
	if (root_kind(root) == ROOT_LIVE)
		read_records(root, facts);
	for (size_t i = 0; facts->log_known != KNOWN_YES && i < 2; i++)
		read_file(root, facts, files[i]);
	judge_remapping(facts);
}
