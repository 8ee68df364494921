/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VM configurations: whatever stands in the file, lines are numbered and sections are named. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/base/text.h"
#include "pvegpu/formats/vm_conf.h"
#include "pvegpu/formats/vm_secret.h"

static size_t check_section(const struct vm_conf_section *section, size_t lines)
{
	size_t last = 0;
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		CHECK(entry->key[0] >= 'a' && entry->key[0] <= 'z');
		CHECK(!strpbrk(entry->value, "\n") && entry->shown);
		CHECK(entry->line > last && entry->line <= lines);
		CHECK(vm_conf_get(section, entry->key) == entry->value); /* each key once */
		last = entry->line;
	}
	return section->entries.n;
}

/* What a write made is read whole and written again as it is; quotes go one pair at a time, and
 * notes of blanks late. */
static void check_written(struct arena *arena, const char *text)
{
	struct vm_conf conf;
	struct vm_conf_edit edit = {.vmid = 100, .power = VM_CONF_STOPPED};
	char *once = vm_conf_predict(arena, text, &edit);
	edit.power = VM_CONF_RUNNING;
	(void)vm_conf_predict(arena, text, &edit);
	edit.power = VM_CONF_WRITTEN;
	if (strchr(text, '"') || strstr(text, "description:"))
		return;
	CHECK(strcmp(vm_conf_predict(arena, once, &edit), once) == 0);
	vm_conf_parse(arena, once, VM_CONF_FILE, &conf);
	CHECK(conf.problems.n == 0 && !conf.pending.entries.n);
}

/* Whatever stands around them, these are not shown. */
static void check_secrets(struct arena *arena, const char *text)
{
	static const char *const places[] = {"+%s\n cipassword: hunter2\n",
			"-sshkeys: hunter2 %s\n", "+#hunter2 %s\n", " no-option: hunter2 %s\n",
			"+%s\n+\n-[x\n+hunter2\n"};
	char *line = arena_strndup(arena, text, strcspn(text, "\n"));
	for (size_t i = 0; !strstr(line, "hunter2") && i < sizeof places / sizeof *places; i++) {
		const char *gap = strstr(places[i], "%s");
		char *diff = arena_printf(arena, "--- a\n+++ a\n@@ -1 +1 @@\n%.*s%s%s",
				(int)(gap - places[i]), places[i], line, gap + 2);
		CHECK(!strstr(vm_secret_diff(arena, diff), "hunter2"));
	}
	(void)vm_secret_diff(arena, text);
	(void)vm_secret_value(arena, "args", line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	size_t lines = 1;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	struct vm_conf conf;
	vm_conf_parse(arena, text, VM_CONF_FILE, &conf);
	size_t used = check_section(&conf.current, lines) + check_section(&conf.pending, lines);
	for (size_t i = 0; i < conf.snapshots.n; i++) {
		const struct vm_conf_section *snapshot = conf.snapshots.item[i];
		CHECK(strlen(snapshot->name) > 1);
		CHECK(strcmp(snapshot->name, "PENDING") != 0);
		used += check_section(snapshot, lines) + 1;
	}
	size_t last = 0;
	for (size_t i = 0; i < conf.problems.n; i++) {
		const struct vm_conf_problem *problem = conf.problems.item[i];
		CHECK(problem->line > last && problem->line <= lines && problem->what[0]);
		last = problem->line;
	}
	CHECK(used + conf.problems.n <= lines);
	/* One more line in front is one more entry, or stands again below. */
	struct vm_conf more;
	vm_conf_parse(arena, arena_printf(arena, "tdf: 1\n%s", text), VM_CONF_FILE, &more);
	CHECK(more.current.entries.n + more.problems.n ==
			conf.current.entries.n + conf.problems.n + 1);
	CHECK(more.snapshots.n == conf.snapshots.n);
	check_written(arena, text);
	check_secrets(arena, text);
	arena_free(arena);
	free(text);
	return 0;
}
