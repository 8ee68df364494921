/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/modprobe_conf.h"

#include <string.h>

#include "pvegpu/base/text.h"
#include "pvegpu/formats/modules_list.h"

static void parse_command(struct arena *arena, const char *file, size_t number, const char *text,
		struct list *entries)
{
	struct strings words = {0};
	const char *at = text;
	while (*at) {
		at += strspn(at, " \t\r");
		size_t n = strcspn(at, " \t\r");
		if (n)
			strings_add(arena, &words, arena_strndup(arena, at, n));
		at += n;
	}
	if (words.n < 2 || words.item[0][0] == '#')
		return;
	struct modprobe_entry *entry = arena_alloc(arena, sizeof *entry);
	*entry = (struct modprobe_entry){
			.command = words.item[0],
			.module = words.item[1],
			.words = {.item = words.item + 2,
					.n = words.n - 2,
					.capacity = words.n - 2},
			.file = file,
			.line = number,
	};
	list_add(arena, entries, entry);
}

void modprobe_conf_parse(
		struct arena *arena, const char *file, const char *text, struct list *entries)
{
	struct lines cursor = lines_start(text);
	struct line line;
	struct text command = {0};
	size_t number = 0;
	size_t start = 0;
	bool continued = false;
	while (line_next(&cursor, &line)) {
		number++;
		if (!continued)
			start = number;
		continued = false;
		size_t n = line.n;
		bool more = n && line.start[n - 1] == '\\';
		text_add_bytes(&command, line.start, more ? n - 1 : n);
		if (more && cursor.rest) {
			continued = true; /* kmod puts nothing between (getline_wrapped()) */
			continue;
		}
		parse_command(arena, file, start, text_string(&command), entries);
		text_free(&command);
	}
	text_free(&command);
}

/* The kernel takes - and _ for the same in a parameter's name (kernel/params.c, parameqn). */
static bool same_parameter(const char *word, const char *option, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((word[i] == '-' ? '_' : word[i]) != (option[i] == '-' ? '_' : option[i]))
			return false;
	return true;
}

const char *modprobe_option(const struct list *entries, const char *module, const char *option,
		const struct modprobe_entry **ret_entry)
{
	const char *value = NULL;
	size_t n = strlen(option);
	for (size_t i = 0; i < entries->n; i++) {
		const struct modprobe_entry *entry = entries->item[i];
		if (strcmp(entry->command, "options") != 0 ||
				!modules_same_name(entry->module, module))
			continue;
		for (size_t w = 0; w < entry->words.n; w++) {
			const char *word = entry->words.item[w];
			if (!same_parameter(word, option, n) || (word[n] != '=' && word[n] != '\0'))
				continue;
			value = word[n] == '=' ? word + n + 1 : "";
			if (ret_entry)
				*ret_entry = entry;
		}
	}
	return value;
}

bool modprobe_blacklisted(const struct list *entries, const char *module)
{
	for (size_t i = 0; i < entries->n; i++) {
		const struct modprobe_entry *entry = entries->item[i];
		if (strcmp(entry->command, "blacklist") == 0 &&
				modules_same_name(entry->module, module))
			return true;
	}
	return false;
}

bool modprobe_softdep_pre(const struct list *entries, const char *module, const char *before)
{
	for (size_t i = 0; i < entries->n; i++) {
		const struct modprobe_entry *entry = entries->item[i];
		if (strcmp(entry->command, "softdep") != 0 ||
				!modules_same_name(entry->module, module))
			continue;
		bool pre = false;
		for (size_t w = 0; w < entry->words.n; w++) {
			const char *word = entry->words.item[w];
			if (strcmp(word, "pre:") == 0)
				pre = true;
			else if (strcmp(word, "post:") == 0)
				pre = false;
			else if (pre && modules_same_name(word, before))
				return true;
		}
	}
	return false;
}

/* The command without the word and the blanks before it; NULL when nothing of it would be left. */
static char *without_word(struct arena *arena, const char *command, size_t n, const char *word)
{
	struct text kept = {0};
	size_t words = 0;
	size_t length = strlen(word);
	for (size_t at = 0; at < n;) {
		size_t blanks = strspn(command + at, " \t\r\n\\");
		blanks = blanks < n - at ? blanks : n - at;
		size_t size = strcspn(command + at + blanks, " \t\r\n\\");
		size = size < n - at - blanks ? size : n - at - blanks;
		bool match = size == length && strncmp(command + at + blanks, word, length) == 0;
		if (!match) {
			text_add_bytes(&kept, command + at, blanks + size);
			words += size > 0;
		}
		at += blanks + size;
	}
	char *text = text_take(&kept, arena);
	return words > 2 ? text : NULL;
}

char *modprobe_conf_drop(
		struct arena *arena, const char *text, size_t line_number, const char *word)
{
	struct text out = {0};
	struct lines cursor = lines_start(text);
	const char *begin = NULL; /* of the command that is dropped, while it goes on */
	struct line line;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		bool more = line.n && line.start[line.n - 1] == '\\' && cursor.rest;
		if (number == line_number)
			begin = line.start;
		if (!begin) {
			text_add_bytes(&out, line.start, line.full);
			continue;
		}
		if (more)
			continue;
		char *rest = word ? without_word(arena, begin,
						    (size_t)(line.start + line.full - begin), word)
				  : NULL;
		if (rest)
			text_add(&out, rest);
		begin = NULL;
	}
	return text_take(&out, arena);
}
