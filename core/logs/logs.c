/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/logs/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/logs/scan.h"
#include "pvegpu/base/library.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"

enum { BLOCK = 64 * 1024, MIB = 1024 * 1024 };

/* The bytes that begin a packed file. */
static const struct {
	const char *bytes;
	size_t n;
} magics[] = {{"\x1f\x8b", 2}, {"\xfd\x37zXZ", 5}, {"\x28\xb5\x2f\xfd", 4}};

char *scan_size(struct arena *arena, uint64_t bytes)
{
	if (bytes >= MIB)
		return arena_printf(arena, "%llu MiB", (unsigned long long)(bytes / MIB));
	if (bytes >= 1024)
		return arena_printf(arena, "%llu KiB", (unsigned long long)(bytes / 1024));
	return arena_printf(arena, "%llu bytes", (unsigned long long)bytes);
}

struct scan *scan_new(struct matcher *matcher, const struct scan_limits *limits)
{
	struct arena *arena = arena_new();
	struct scan *scan = arena_alloc(arena, sizeof *scan);
	struct scan_limits given = limits ? *limits : (struct scan_limits){0};
	*scan = (struct scan){.arena = arena, .matcher = matcher};
	scan->limits = (struct scan_limits){
			.file_bytes = given.file_bytes ? given.file_bytes : 256ULL * MIB,
			.host_bytes = given.host_bytes ? given.host_bytes : 128ULL * MIB,
			.task_bytes = given.task_bytes ? given.task_bytes : 16ULL * MIB,
			.task_logs = given.task_logs ? given.task_logs : 200,
			.journal_bytes = given.journal_bytes ? given.journal_bytes : 16ULL * MIB,
			.journal_lines = given.journal_lines ? given.journal_lines : 50000,
	};
	return scan;
}

void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	matcher_free(scan->matcher);
	arena_free(scan->arena);
}

struct log_source *scan_add_source(struct scan *scan, const char *name)
{
	struct log_source *source = arena_alloc(scan->arena, sizeof *source);
	source->name = arena_strdup(scan->arena, name);
	list_add(scan->arena, &scan->sources, source);
	return source;
}

void scan_say(struct scan *scan, struct log_source *source, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = arena_vprintf(scan->arena, format, args);
	va_end(args);
	source->not_read = source->not_read ? arena_printf(scan->arena, "%s; %s", source->not_read,
							      text)
					    : text;
}

/* A copy that is safe to print, cut with dots. */
static void keep_text(const char *line, size_t n, char ret_text[MATCH_TEXT])
{
	while (n && (line[n - 1] == '\r' || line[n - 1] == ' '))
		n--;
	bool cut = n >= MATCH_TEXT;
	if (cut)
		n = MATCH_TEXT - 4;
	struct arena *arena = arena_new();
	char *copy = arena_memdup(arena, line, n);
	for (size_t i = 0; i < n; i++)
		if (!copy[i] || copy[i] == '\t')
			copy[i] = ' ';
	const char *safe = text_printable(arena, copy);
	size_t length = strlen(safe);
	if (length > MATCH_TEXT - 4)
		length = MATCH_TEXT - 4;
	(void)snprintf(ret_text, MATCH_TEXT, "%.*s%s", (int)length, safe, cut ? "..." : "");
	arena_free(arena);
}

static struct match *find_match(const struct scan *scan, const struct symptom *symptom)
{
	for (size_t i = 0; i < scan->matches.n; i++) {
		struct match *match = scan->matches.item[i];
		if (match->symptom == symptom)
			return match;
	}
	return NULL;
}

static void keep_hit(void *user, const struct symptom *symptom, uint64_t line, const char *text,
		size_t n)
{
	const struct reading *reading = user;
	struct scan *scan = reading->scan;
	struct match *match = find_match(scan, symptom);
	bool fresh = !match;
	if (fresh) {
		match = arena_alloc(scan->arena, sizeof *match);
		match->symptom = symptom;
		match->source = reading->source;
		match->line = line;
		keep_text(text, n, match->text);
		list_add(scan->arena, &scan->matches, match);
	}
	if (match->last_source != reading->source)
		match->here = 0;
	match->count++;
	match->here++;
	match->earlier += reading->source->earlier_boot;
	if (reading->source->upid) {
		match->in_tasks++;
		if (reading->source->time > match->task_time)
			match->task_time = reading->source->time;
	}
	match->last_source = reading->source;
	match->last_line = line;
	keep_text(text, n, match->last_text);
	if (fresh && scan->on_new)
		scan->on_new(scan->user, match);
}

void scan_begin(struct scan *scan, struct log_source *source, struct reading *ret_reading)
{
	*ret_reading = (struct reading){
			.scan = scan, .source = source, .stream = {.hit = keep_hit}};
	ret_reading->stream.user = ret_reading;
}

/* The kernel's first words, "[    0.000000] Linux version 6.8.12-4-pve ...", after a syslog's
 * "kernel: " or not. NULL: not in these bytes. */
static const char *find_boot(const char *bytes, size_t n)
{
	static const char words[] = "Linux version ";
	const char *at = bytes;
	while ((at = memmem(at, n - (size_t)(at - bytes), words, sizeof words - 1)) != NULL) {
		if (at == bytes || at[-1] == '\n' ||
				(at - bytes > 1 && at[-1] == ' ' && strchr("]:", at[-2])))
			return at;
		at++;
	}
	return NULL;
}

/* A boot begins here: what this source had until now is of one before. */
static void mark_boot(const struct reading *reading)
{
	const struct list *matches = &reading->scan->matches;
	reading->source->boots++;
	for (size_t i = 0; i < matches->n && !reading->source->earlier_boot; i++) {
		struct match *match = matches->item[i];
		if (match->last_source != reading->source)
			continue;
		match->earlier += match->here;
		match->here = 0;
	}
}

void scan_bytes(struct reading *reading, const char *bytes, size_t n)
{
	struct matcher *matcher = reading->scan->matcher;
	const char *boot = NULL;
	while (n && (boot = find_boot(bytes + 1, n - 1)) != NULL) {
		matcher_feed(matcher, &reading->stream, bytes, (size_t)(boot - bytes));
		mark_boot(reading);
		n -= (size_t)(boot - bytes);
		bytes = boot;
	}
	matcher_feed(matcher, &reading->stream, bytes, n);
}

void scan_end(struct reading *reading)
{
	matcher_finish(reading->scan->matcher, &reading->stream);
	reading->source->bytes += reading->stream.bytes;
	reading->source->lines += reading->stream.lines;
	if (reading->stream.cut_lines)
		scan_say(reading->scan, reading->source,
				"%llu %s longer than 64 KiB: only the beginning was read",
				(unsigned long long)reading->stream.cut_lines,
				text_plural(reading->stream.cut_lines, "line was", "lines were"));
}

/* A file, its first bytes read ahead to tell what it is. */
struct input {
	int fd;
	char *block;
	size_t ahead; /* bytes in the block that were not taken yet */
	int number;   /* errno of a read that failed */
	struct archive_api library;
};

static ssize_t input_read(struct input *input)
{
	if (input->ahead) {
		size_t n = input->ahead;
		input->ahead = 0;
		return (ssize_t)n;
	}
	for (;;) {
		ssize_t n = read(input->fd, input->block, BLOCK);
		if (n >= 0 || errno != EINTR) {
			input->number = n < 0 ? errno : 0;
			return n;
		}
	}
}

static bool is_packed(struct input *input)
{
	ssize_t n = 0;
	while (input->ahead < 8 && (n = read(input->fd, input->block + input->ahead,
						    BLOCK - input->ahead)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; /* told again by the next read */
		input->ahead += (size_t)n;
	}
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (input->ahead >= magics[i].n &&
				memcmp(input->block, magics[i].bytes, magics[i].n) == 0)
			return true;
	return false;
}

static la_ssize_t unpack_more(struct archive *archive, void *user, const void **ret_block)
{
	struct input *input = user;
	ssize_t n = input_read(input);
	if (n < 0)
		input->library.set_error(archive, input->number, "read error");
	*ret_block = input->block;
	return n;
}

static void read_packed(struct reading *reading, struct input *input, uint64_t max)
{
	const struct archive_api *library = &input->library;
	struct error error;
	if (archive_load(&input->library, &error) < 0) {
		scan_say(reading->scan, reading->source, "not unpacked: %s", error.text);
		return;
	}
	struct archive *archive = library->read_new();
	char *block = malloc(BLOCK);
	if (!archive || !block)
		abort();
	(void)library->read_support_format_raw(archive);
	(void)library->read_support_format_empty(archive);
	(void)library->read_support_filter_gzip(archive);
	(void)library->read_support_filter_xz(archive);
	(void)library->read_support_filter_zstd(archive);
	struct archive_entry *entry = NULL;
	int status = library->read_open(archive, input, NULL, unpack_more, NULL);
	if (status == ARCHIVE_OK)
		status = library->read_next_header(archive, &entry);
	la_ssize_t n = 0;
	if (status >= ARCHIVE_WARN && library->filter_count(archive) <= 1)
		scan_say(reading->scan, reading->source, "damaged or cut short: not unpacked");
	while (status >= ARCHIVE_WARN && status != ARCHIVE_EOF && reading->stream.bytes < max &&
			(n = library->read_data(archive, block, BLOCK)) > 0)
		scan_bytes(reading, block, (size_t)n);
	if ((status < ARCHIVE_WARN && status != ARCHIVE_EOF) || n < 0) {
		const char *why = library->error_string(archive);
		scan_say(reading->scan, reading->source, "damaged or cut short: %s",
				why ? why : "unpacking failed");
	} else if (reading->stream.bytes >= max) {
		scan_say(reading->scan, reading->source, "only the first %s, unpacked, were read",
				scan_size(reading->scan->arena, reading->stream.bytes));
	}
	(void)library->read_free(archive);
	free(block);
}

static void read_plain(struct reading *reading, struct input *input, uint64_t max)
{
	ssize_t n = 0;
	while (reading->stream.bytes < max && (n = input_read(input)) > 0)
		scan_bytes(reading, input->block, (size_t)n);
	if (n < 0)
		scan_say(reading->scan, reading->source, "read error: %s",
				strerrordesc_np(input->number));
	else if (n > 0 && input_read(input) > 0)
		scan_say(reading->scan, reading->source, "only the first %s were read",
				scan_size(reading->scan->arena, reading->stream.bytes));
}

/* Of a long file that is not packed only the end is read: that is the newest. */
static void seek_tail(
		struct scan *scan, struct log_source *source, struct input *input, uint64_t max)
{
	off_t size = lseek(input->fd, 0, SEEK_END);
	if (size < 0)
		return;
	off_t start = (uint64_t)size > max ? size - (off_t)max : 0;
	if (lseek(input->fd, start, SEEK_SET) < 0)
		return;
	input->ahead = 0;
	if (start)
		scan_say(scan, source, "only the last %s were read; lines count from there",
				scan_size(scan->arena, max));
}

void scan_fd(struct scan *scan, struct log_source *source, int fd, uint64_t max, bool tail)
{
	struct input input = {.fd = fd, .block = malloc(BLOCK)};
	if (!input.block)
		abort();
	struct reading reading;
	scan_begin(scan, source, &reading);
	if (is_packed(&input)) {
		read_packed(&reading, &input, max);
	} else {
		if (tail)
			seek_tail(scan, source, &input, max);
		read_plain(&reading, &input, max);
	}
	scan_end(&reading);
	free(input.block);
	(void)close(fd);
}

int scan_open_log(const char *path, int *ret_fd, struct error *err)
{
	struct error error = {0};
	int status = root_open_file(NULL, path, ret_fd, NULL, &error);
	if (error.sys_errno == EISDIR)
		error_hint(&error, "for the logs of a captured host use --root DIR");
	else if (error.sys_errno == ESPIPE)
		error_hint(&error,
				"a pipe is read from standard input: dmesg | pvegpu doctor --log -");
	if (status < 0 && err)
		*err = error;
	return status;
}

int scan_file(struct scan *scan, const char *path, struct error *err)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? dup(STDIN_FILENO) : -1;
	struct stat status;
	if (standard_input && (fd < 0 || fstat(fd, &status) < 0))
		return error_set_errno(err, errno, "cannot read standard input");
	if (standard_input && S_ISDIR(status.st_mode)) {
		(void)close(fd);
		return error_set_errno(err, EISDIR, "cannot read standard input");
	}
	int opened = standard_input ? 0 : scan_open_log(path, &fd, err);
	if (opened < 0)
		return opened;
	scan_fd(scan, scan_add_source(scan, standard_input ? "standard input" : path), fd,
			scan->limits.file_bytes, false);
	return 0;
}

void scan_text(struct scan *scan, const char *name, const char *bytes, size_t n)
{
	struct reading reading;
	scan_begin(scan, scan_add_source(scan, name), &reading);
	scan_bytes(&reading, bytes, n);
	scan_end(&reading);
}

/* One system log below the root, if it is there. True when what is older than it is of a boot
 * before this one, as all of it is where `earlier`. */
static bool read_host_file(struct scan *scan, const struct root *root, const char *path,
		bool earlier, uint64_t *budget)
{
	int fd = -1;
	struct error error = {0};
	int opened = root_open_file(root, path, &fd, NULL, &error);
	if (error.sys_errno == ENOENT || error.sys_errno == ENOTDIR)
		return earlier;
	struct log_source *source = scan_add_source(scan, path);
	source->earlier_boot = earlier;
	if (opened < 0) {
		scan_say(scan, source, "%s", error.text);
		return earlier;
	}
	if (!*budget) {
		scan_say(scan, source, "not read: the newer logs were enough");
		(void)close(fd);
		return earlier;
	}
	scan_fd(scan, source, fd, *budget, true);
	*budget -= source->bytes < *budget ? source->bytes : *budget;
	return earlier || source->boots;
}

/* The log itself, the one before it, and older ones that logrotate packed. */
static void read_rotated(
		struct scan *scan, const struct root *root, const char *path, uint64_t *budget)
{
	static const char *const endings[] = {"", ".gz", ".xz", ".zst"};
	bool earlier = read_host_file(scan, root, path, false, budget);
	for (int i = 0; i <= 7; i++)
		for (size_t e = 0; e < sizeof endings / sizeof *endings; e++)
			earlier = read_host_file(scan, root,
					arena_printf(scan->arena, "%s.%d%s", path, i, endings[e]),
					earlier, budget);
}

void scan_host(struct scan *scan, const struct root *root)
{
	static const char *const logs[] = {"/var/log/dmesg", "/var/log/kern.log", "/var/log/syslog",
			"/var/log/messages"};
	scan_tasks(scan, root);
	uint64_t budget = scan->limits.host_bytes;
	bool any = scan_journal(scan, root);
	for (size_t i = 0; !any && i < sizeof logs / sizeof *logs; i++)
		read_rotated(scan, root, logs[i], &budget);
}

static int told_before(const void *a, const void *b)
{
	const struct match *const *first = a;
	const struct match *const *second = b;
	const struct symptom *x = (*first)->symptom;
	const struct symptom *y = (*second)->symptom;
	bool quiet_x = x->severity == SEVERITY_NORMAL;
	bool quiet_y = y->severity == SEVERITY_NORMAL;
	if (quiet_x != quiet_y)
		return quiet_x ? 1 : -1;
	/* A hint or a consequence comes after what it hints at; a warning that names a cause comes
	 * after errors that have several. */
	int weight_x = (int)x->rank + (x->severity == SEVERITY_ERROR ? 0 : 2);
	int weight_y = (int)y->rank + (y->severity == SEVERITY_ERROR ? 0 : 2);
	if (weight_x != weight_y)
		return weight_x < weight_y ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	return 0;
}

/* By insertion, which keeps the order of what weighs the same; there are few. */
void scan_sort(struct scan *scan)
{
	void **item = scan->matches.item;
	for (size_t i = 1; i < scan->matches.n; i++) {
		void *moved = item[i];
		size_t at = i;
		for (; at > 0 && told_before(&moved, &item[at - 1]) < 0; at--)
			item[at] = item[at - 1];
		item[at] = moved;
	}
}

const struct match *scan_match(const struct scan *scan, const char *symptom)
{
	for (size_t i = 0; i < scan->matches.n; i++) {
		const struct match *match = scan->matches.item[i];
		if (strcmp(match->symptom->id, symptom) == 0)
			return match;
	}
	return NULL;
}

bool scan_has_read(const struct scan *scan)
{
	for (size_t i = 0; i < scan->sources.n; i++) {
		const struct log_source *source = scan->sources.item[i];
		if (source->bytes)
			return true;
	}
	return false;
}
