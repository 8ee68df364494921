/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VM configurations: whatever stands in the file, lines are numbered and sections are named. */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/base/text.h"
#include "pvegpu/formats/vm_conf.h"

static size_t check_section(const struct vm_conf_section *section, size_t lines)
{
	size_t last = 0;
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		CHECK(entry->key[0] >= 'a' && entry->key[0] <= 'z');
		CHECK(entry->value[0] && !strpbrk(entry->value, "\n"));
		CHECK(entry->line > last && entry->line <= lines);
		CHECK(vm_conf_get(section, entry->key));
		last = entry->line;
	}
	if (section->entries.n) {
		const struct vm_conf_entry *entry = section->entries.item[section->entries.n - 1];
		CHECK(vm_conf_get(section, entry->key) == entry->value);
	}
	return section->entries.n + section->description.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	size_t lines = 1;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	struct vm_conf conf;
	vm_conf_parse(arena, text, &conf);
	size_t used = check_section(&conf.current, lines) + check_section(&conf.pending, lines);
	for (size_t i = 0; i < conf.snapshots.n; i++) {
		const struct vm_conf_section *snapshot = conf.snapshots.item[i];
		CHECK(strlen(snapshot->name) > 1);
		CHECK(strcmp(snapshot->name, "PENDING") != 0);
		used += check_section(snapshot, lines) + 1;
	}
	for (size_t i = 0; i < conf.problems.n; i++) {
		const struct vm_conf_problem *problem = conf.problems.item[i];
		CHECK(problem->line > 0 && problem->line <= lines && problem->what[0]);
	}
	CHECK(used + conf.problems.n <= lines);
	/* One more line in front is one more entry. */
	struct vm_conf more;
	vm_conf_parse(arena, arena_printf(arena, "zzz: 1\n%s", text), &more);
	CHECK(more.current.entries.n == conf.current.entries.n + 1);
	CHECK(more.snapshots.n == conf.snapshots.n && more.problems.n == conf.problems.n);
	arena_free(arena);
	free(text);
	return 0;
}
