/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/helper.h"

#include <dirent.h>
#include <jansson.h>
#include <locale.h>

#include "pvegpu/checks/check.h"
#include "pvegpu/doctor/symptoms.h"
#include "pvegpu/logs/matcher.h"

static char *source_path(struct arena *arena, const char *name)
{
	const char *source = getenv("PVEGPU_SOURCE"); /* NOLINT(concurrency-mt-unsafe) */
	return arena_printf(arena, "%s/tests/doctor/%s", source ? source : ".", name);
}

static bool checks_exist(struct arena *arena, const char *owner, const char *checks)
{
	bool fine = true;
	for (const char *at = checks; *at; at += strspn(at, " ")) {
		char *id = arena_strndup(arena, at, strcspn(at, " "));
		if (!check_by_id(id)) {
			print_error("%s: no such check: %s\n", owner, id);
			fine = false;
		}
		at += strlen(id);
	}
	return fine;
}

static size_t sentences(const char *text)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, ". ")) != NULL; at++)
		n += at[2] >= 'A' && at[2] <= 'Z';
	return n + 1;
}

static bool row_is_whole(struct arena *arena, const struct symptom *row)
{
	bool fine = symptom_by_id(row->id) == row && strlen(row->literal) >= 3 &&
		    strlen(row->cause) > 20 && sentences(row->cause) <= 2 &&
		    text_ends(row->cause, ".");
	bool fault = row->severity == SEVERITY_ERROR || row->severity == SEVERITY_WARNING;
	if (fault && (!row->fix[0].text || !row->confirm))
		fine = false;
	for (size_t i = 0; i < SYMPTOM_FIXES && row->fix[i].text; i++) {
		const char *by = row->fix[i].by;
		const struct check *check = by ? check_by_id(by) : NULL;
		/* A fix that names a check promises that pvegpu can do it. */
		if (by && !strchr(by, '=') &&
				(!check || (!check->plans && strcmp(check->id, "vfio.leftovers") !=
									     0)))
			fine = false;
	}
	if (!fine)
		print_error("row %s is not whole\n", row->id);
	return checks_exist(arena, row->id, row->checks) && fine;
}

static void rows_are_whole(void **state)
{
	bool fine = true;
	for (size_t i = 0; i < symptom_count(); i++)
		fine &= row_is_whole(*state, symptom_at(i));
	assert_true(fine);
	assert_true(symptom_count() >= 150);
	assert_null(symptom_at(symptom_count()));
	assert_null(symptom_by_id("no-such-symptom"));
}

static void kinds_are_whole(void **state)
{
	size_t n = 0;
	unsigned bits = 0;
	for (const struct symptom_kind *kind = symptom_kinds; kind->id; kind++, n++) {
		assert_ptr_equal(symptom_kind_by_id(kind->id), kind);
		assert_true(strlen(kind->title) <= 50);
		assert_true(checks_exist(*state, kind->id, kind->checks));
		assert_non_null(kind->steps[0]);
		assert_int_equal(bits & kind->bit, 0);
		bits |= kind->bit;
		size_t rows = 0;
		for (size_t i = 0; i < symptom_count(); i++)
			rows += (symptom_at(i)->kinds & kind->bit) != 0;
		assert_true(rows > 0);
	}
	assert_int_equal(n, KIND_COUNT);
}

/* Every line of the file names its row first, and each row has a line. */
static void lines_name_their_rows(void **state)
{
	json_error_t error;
	FILE *file = fopen(source_path(*state, "lines.jsonl"), "re");
	assert_non_null(file);
	struct matcher *matcher = symptoms_matcher();
	bool *seen = arena_alloc(*state, symptom_count() * sizeof *seen);
	size_t wrong = 0;
	json_t *row = NULL;
	while ((row = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error)) != NULL) {
		const char *id = json_string_value(json_object_get(row, "id"));
		const char *line = json_string_value(json_object_get(row, "line"));
		if (id && line) {
			const struct symptom *found = matcher_line(matcher, line, strlen(line));
			if (!found || strcmp(found->id, id) != 0) {
				print_error("%s is told as %s: %s\n", id,
						found ? found->id : "nothing", line);
				wrong++;
			}
			for (size_t i = 0; i < symptom_count(); i++)
				seen[i] = seen[i] || strcmp(symptom_at(i)->id, id) == 0;
			assert_true(json_string_length(json_object_get(row, "source")) > 0);
		}
		json_decref(row);
	}
	(void)fclose(file);
	for (size_t i = 0; i < symptom_count(); i++) {
		if (!seen[i]) {
			print_error("no line for %s\n", symptom_at(i)->id);
			wrong++;
		}
	}
	matcher_free(matcher);
	assert_int_equal(wrong, 0);
}

/* The ids of the data the catalogue began with are public. */
static void first_ids_are_kept(void **state)
{
	char *path = helper_shared(*state, "data/symptoms.jsonl");
	if (!path)
		SKIP("no symptoms.jsonl");
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	json_t *row = NULL;
	while ((row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
		const char *id = json_string_value(json_object_get(row, "id"));
		if (!symptom_by_id(id))
			fail_msg("no row %s", id);
		json_decref(row);
	}
	(void)fclose(file);
}

struct tally {
	const char *name;
	size_t faults;
	const struct symptom *last;
	uint64_t line;
	char text[256];
	size_t hits;
};

static void count_hit(void *user, const struct symptom *symptom, uint64_t line, const char *text,
		size_t n)
{
	struct tally *tally = user;
	tally->hits++;
	tally->last = symptom;
	tally->line = line;
	(void)snprintf(tally->text, sizeof tally->text, "%.*s", (int)(n < 200 ? n : 200), text);
	if (symptom->severity == SEVERITY_NORMAL)
		return;
	tally->faults++;
	print_error("%s:%llu: %s: %s\n", tally->name, (unsigned long long)line, symptom->id,
			tally->text);
}

static uint64_t feed_file(struct matcher *matcher, const char *path, struct tally *tally)
{
	struct arena *arena = arena_new();
	size_t size = 0;
	char *bytes = helper_read(arena, path, &size);
	assert_non_null(bytes);
	struct matcher_stream stream = {.hit = count_hit, .user = tally};
	matcher_feed(matcher, &stream, bytes, size);
	matcher_finish(matcher, &stream);
	arena_free(arena);
	return stream.lines;
}

/* Nothing but rows that say "not a fault" may match on hosts that work. */
static void healthy_logs_are_quiet(void **state)
{
	char *dir = source_path(*state, "healthy");
	DIR *list = opendir(dir);
	assert_non_null(list);
	struct matcher *matcher = symptoms_matcher();
	struct dirent *entry = NULL;
	uint64_t lines = 0;
	size_t faults = 0;
	while ((entry = readdir(list)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		if (!text_ends(entry->d_name, ".log"))
			continue;
		struct tally tally = {.name = entry->d_name};
		lines += feed_file(
				matcher, arena_printf(*state, "%s/%s", dir, entry->d_name), &tally);
		faults += tally.faults;
	}
	(void)closedir(list);
	matcher_free(matcher);
	assert_int_equal(faults, 0);
	assert_true(lines > 2000);
}

/* The same for logs of real machines that work, and for their listings and configurations. */
static void listings_are_quiet(void **state)
{
	static const char *const names[] = {"lspci.txt", "iommu.txt", "grub.txt", "modprobe.txt",
			"modules.txt", "dmesg.txt", "journal.txt"};
	char *hosts = helper_shared(*state, "data/hosts");
	if (!hosts)
		SKIP("no real hosts");
	DIR *list = opendir(hosts);
	assert_non_null(list);
	struct matcher *matcher = symptoms_matcher();
	struct dirent *entry = NULL;
	size_t faults = 0;
	while ((entry = readdir(list)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		for (size_t i = 0; i < COUNT(names); i++) {
			char *path = arena_printf(
					*state, "%s/%s/%s", hosts, entry->d_name, names[i]);
			struct tally tally = {.name = path};
			if (access(path, R_OK) == 0)
				(void)feed_file(matcher, path, &tally);
			faults += tally.faults;
		}
	}
	(void)closedir(list);
	matcher_free(matcher);
	assert_int_equal(faults, 0);
}

static void streams_may_break_anywhere(void **state)
{
	(void)state;
	static const char text[] = "one\nkvm: vfio 0000:01:00.0: group 1 is not viable\r\n\ntwo\n"
				   "TASK ERROR: no PCI device found for '01:00'";
	struct matcher *matcher = symptoms_matcher();
	for (size_t piece = 1; piece < sizeof text; piece++) {
		struct tally tally = {.name = "pieces"};
		struct matcher_stream stream = {.hit = count_hit, .user = &tally};
		for (size_t at = 0; at < sizeof text - 1; at += piece) {
			size_t left = sizeof text - 1 - at;
			matcher_feed(matcher, &stream, text + at, left < piece ? left : piece);
		}
		matcher_finish(matcher, &stream);
		assert_int_equal(tally.hits, 2);
		assert_string_equal(tally.last->id, "pve-no-pci-device");
		assert_int_equal(tally.line, 5);
		assert_int_equal(stream.lines, 5);
		assert_int_equal(stream.bytes, sizeof text - 1);
	}
	matcher_free(matcher);
}

/* What is before the cut is seen, what is after it is not, and the next line is. */
static void long_lines_are_cut(void **state)
{
	enum { BIG = 3 * MATCHER_LINE_MAX };
	static const char hit[] = "IOMMU not present";
	static const char whole[] = "cannot prepare PCI pass-through, IOMMU not present";
	char *text = arena_alloc(*state, BIG + 200);
	memset(text, 'x', BIG);
	memcpy(text + 10, whole, sizeof whole - 1);
	memcpy(text + BIG - 100, hit, sizeof hit - 1);
	text[BIG] = '\n';
	memcpy(text + BIG + 1, whole, sizeof whole - 1);
	struct matcher *matcher = symptoms_matcher();
	struct tally tally = {.name = "long"};
	struct matcher_stream stream = {.hit = count_hit, .user = &tally};
	matcher_feed(matcher, &stream, text, BIG + sizeof whole);
	matcher_finish(matcher, &stream);
	assert_int_equal(tally.hits, 2);
	assert_int_equal(tally.line, 2);
	assert_int_equal(stream.cut_lines, 1);
	assert_int_equal(stream.lines, 2);
	matcher_free(matcher);
}

static void bytes_may_be_anything(void **state)
{
	(void)state;
	static const char text[] =
			"\0\xff IOMMU\0 not present\nx\0y: cannot prepare PCI pass-through, IOMMU not present \xc3\n";
	struct matcher *matcher = symptoms_matcher();
	struct tally tally = {.name = "bytes"};
	struct matcher_stream stream = {.hit = count_hit, .user = &tally};
	matcher_feed(matcher, &stream, text, sizeof text - 1);
	matcher_finish(matcher, &stream);
	assert_int_equal(tally.hits, 1);
	assert_int_equal(tally.line, 2);
	assert_null(matcher_line(matcher, "", 0));
	matcher_free(matcher);
}

/* As many rows as there are, and any byte in them: nothing is sized for today's table. */
static void rows_may_be_many(void **state)
{
	enum { MANY = 3000 };
	struct symptom *rows = arena_alloc(*state, MANY * sizeof *rows);
	const struct symptom **lent = arena_alloc(*state, MANY * sizeof *lent);
	char bytes[256];
	size_t n = 0;
	for (int c = 1; c < 256; c++)
		if (c != '\n' && !(c >= 'A' && c <= 'Z'))
			bytes[n++] = (char)c;
	for (size_t i = 0; i < MANY; i++) {
		rows[i] = (struct symptom){.id = "row",
				.literal = i ? arena_printf(*state, "a long name of fault %zu.", i)
					     : arena_strndup(*state, bytes, n),
				.pattern = "."};
		lent[i] = &rows[i];
	}
	struct matcher *matcher = matcher_new(lent, MANY);
	for (size_t i = 0; i < MANY; i++) {
		const char *line = arena_printf(*state, "x%sy", rows[i].literal);
		assert_ptr_equal(matcher_line(matcher, line, strlen(line)), &rows[i]);
	}
	assert_null(matcher_line(matcher, "a long name of fault.", 21));
	matcher_free(matcher);
}

int main(void)
{
	(void)setlocale(LC_ALL, "C.UTF-8");
	const struct CMUnitTest tests[] = {
			TEST(rows_are_whole),
			TEST(kinds_are_whole),
			TEST(lines_name_their_rows),
			TEST(first_ids_are_kept),
			TEST(healthy_logs_are_quiet),
			TEST(listings_are_quiet),
			TEST(rows_may_be_many),
			TEST(streams_may_break_anywhere),
			TEST(long_lines_are_cut),
			TEST(bytes_may_be_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
