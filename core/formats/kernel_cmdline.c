/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/kernel_cmdline.h"

#include <string.h>

#include "pvegpu/base/text.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of the word that starts at `at`. */
static const char *word_end(const char *at)
{
	bool quoted = false;
	while (*at && (quoted || !is_blank(*at))) {
		if (*at == '"')
			quoted = !quoted;
		at++;
	}
	return at;
}

struct strings cmdline_words(struct arena *arena, const char *text)
{
	struct strings words = {0};
	for (const char *at = text; *at;) {
		if (is_blank(*at)) {
			at++;
			continue;
		}
		const char *end = word_end(at);
		char *word = arena_memdup(arena, at, (size_t)(end - at));
		if (strcmp(word, "--") == 0)
			break;
		strings_add(arena, &words, word);
		at = end;
	}
	return words;
}

static bool same_name(const char *word, const char *key, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool dashes = (word[i] == '-' || word[i] == '_') &&
			      (key[i] == '-' || key[i] == '_');
		if (word[i] != key[i] && !dashes)
			return false;
	}
	return true;
}

const char *cmdline_value(const struct strings *words, const char *key)
{
	const char *value = NULL;
	size_t n = strlen(key);
	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->item[i];
		if (strlen(word) < n || !same_name(word, key, n))
			continue;
		if (word[n] == '=')
			value = word + n + 1;
		else if (word[n] == '\0')
			value = "";
	}
	return value;
}

bool cmdline_has_word(const struct strings *words, const char *word)
{
	return strings_has(words, word);
}

bool cmdline_list_has(const char *value, const char *item)
{
	size_t n = strlen(item);
	while (value && *value) {
		size_t length = strcspn(value, ",");
		if (length == n && strncmp(value, item, n) == 0)
			return true;
		value += length;
		value += *value == ',';
	}
	return false;
}

/* Where the word "--" stands, or the end. */
static const char *init_part(const char *text)
{
	const char *at = text;
	while (*at) {
		const char *end = word_end(at);
		if (end - at == 2 && at[0] == '-' && at[1] == '-')
			break;
		at = end > at ? end : at + 1;
	}
	return at;
}

char *cmdline_add(struct arena *arena, const char *text, const char *word)
{
	const char *rest = init_part(text);
	size_t n = (size_t)(rest - text);
	const char *between = n == 0 || is_blank(text[n - 1]) ? "" : " ";
	return arena_printf(
			arena, "%.*s%s%s%s%s", (int)n, text, between, word, *rest ? " " : "", rest);
}

char *cmdline_remove(struct arena *arena, const char *text, const char *word)
{
	struct text kept = {0};
	size_t n = strlen(word);
	for (const char *at = text; *at;) {
		const char *end = word_end(at);
		if (end > at && (size_t)(end - at) == n && strncmp(at, word, n) == 0) {
			/* Take the blank after it along, or the one before it at the end. */
			if (is_blank(*end))
				end++;
			else if (kept.n && is_blank(kept.data[kept.n - 1]))
				kept.data[--kept.n] = '\0';
		} else {
			if (end == at)
				end++;
			text_add_bytes(&kept, at, (size_t)(end - at));
		}
		at = end;
	}
	return text_take(&kept, arena);
}

static bool list_holds_all(const char *value, const char *items)
{
	while (*items) {
		char item[64];
		size_t n = strcspn(items, ",");
		if (n >= sizeof item)
			return false;
		memcpy(item, items, n);
		item[n] = '\0';
		if (!cmdline_list_has(value, item))
			return false;
		items += n;
		items += *items == ',';
	}
	return true;
}

bool cmdline_holds(const struct strings *words, const char *word)
{
	static const char *const lists[] = {
			"iommu", "intel_iommu", "amd_iommu", "pcie_acs_override"};
	if (cmdline_has_word(words, word))
		return true;
	size_t n = strcspn(word, "=");
	bool list = false;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		list = list || (strlen(lists[i]) == n && strncmp(lists[i], word, n) == 0);
	if (!word[n] || !list)
		return false;
	/* Each occurrence is gone over, and each item of it (iommu_setup(), intel_iommu_setup() …):
	 * together they count. */
	struct text items = {0};
	for (size_t i = 0; i < words->n; i++)
		if (strncmp(words->item[i], word, n + 1) == 0)
			text_addf(&items, "%s,", words->item[i] + n + 1);
	bool holds = list_holds_all(text_string(&items), word + n + 1);
	text_free(&items);
	return holds;
}

char *cmdline_file_line(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strcspn(text, "\r\n"));
}

int cmdline_file_edit(struct arena *arena, const char *file, const char *text,
		const struct strings *add, const struct strings *remove, char **ret_text,
		struct error *err)
{
	size_t n = strcspn(text, "\r\n");
	char *line = arena_strndup(arena, text, n);
	struct strings words = cmdline_words(arena, line);
	if (line[strspn(line, " \t")] == '#')
		return error_set(err, ERROR_REFUSED,
				"%s, line 1: it is a comment, but proxmox-boot-tool takes the first line, and only that, for the parameters",
				file);
	if (!cmdline_value(&words, "root"))
		return error_set(err, ERROR_REFUSED,
				"%s, line 1: there is no root=; proxmox-boot-tool takes only this line, and refuses it",
				file);
	size_t quotes = 0;
	for (const char *c = line; *c; c++)
		quotes += *c == '"';
	if (quotes % 2)
		return error_set(err, ERROR_REFUSED,
				"%s, line 1: a double quote is not closed, so an added word would be a part of it",
				file);
	for (size_t i = 0; i < remove->n; i++)
		line = cmdline_remove(arena, line, remove->item[i]);
	for (size_t i = 0; i < add->n; i++)
		line = cmdline_add(arena, line, add->item[i]);
	*ret_text = arena_printf(arena, "%s%s", line, text + n);
	return 0;
}
