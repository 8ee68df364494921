/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/formats/modprobe_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct arena *arena = arena_new();
	struct list entries = {0};
	modprobe_conf_parse(arena, "x.conf", text, &entries);
	size_t lines = 1;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	size_t last = 0;
	for (size_t i = 0; i < entries.n; i++) {
		const struct modprobe_entry *entry = entries.item[i];
		CHECK(entry->command[0] && entry->command[0] != '#' && entry->module[0]);
		CHECK(entry->line > last && entry->line <= lines);
		last = entry->line;
		for (size_t w = 0; w < entry->words.n; w++)
			CHECK(entry->words.item[w][0]);
		if (strcmp(entry->command, "blacklist") == 0)
			CHECK(modprobe_blacklisted(&entries, entry->module));
		(void)modprobe_softdep_pre(&entries, entry->module, "vfio-pci");
		const struct modprobe_entry *where = NULL;
		const char *value = modprobe_option(&entries, entry->module, "ids", &where);
		CHECK(!value == !where);
	}
	/* A command that is dropped is gone, and only that one. */
	for (size_t i = 0; i < entries.n && i < 8; i++) {
		const struct modprobe_entry *entry = entries.item[i];
		struct list after = {0};
		char *dropped = modprobe_conf_drop(arena, text, entry->line, NULL);
		modprobe_conf_parse(arena, "x.conf", dropped, &after);
		CHECK(after.n + 1 == entries.n);
		const char *word = entry->words.n ? entry->words.item[0] : "x";
		after = (struct list){0};
		modprobe_conf_parse(arena, "x.conf",
				modprobe_conf_drop(arena, text, entry->line, word), &after);
		CHECK(after.n == entries.n || after.n + 1 == entries.n);
	}
	/* A file after another adds to it and changes nothing. */
	size_t n = entries.n;
	modprobe_conf_parse(arena, "y.conf", "blacklist nouveau\n", &entries);
	CHECK(entries.n == n + 1 && modprobe_blacklisted(&entries, "nouveau"));
	arena_free(arena);
	free(text);
	return 0;
}
