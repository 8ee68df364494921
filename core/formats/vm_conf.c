/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/formats/vm_conf.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "pvegpu/base/index.h"
#include "pvegpu/base/text.h"
#include "pvegpu/formats/hostpci.h"

static void problem(struct arena *arena, struct vm_conf *conf, size_t line, const char *what)
{
	struct vm_conf_problem *found = arena_alloc(arena, sizeof *found);
	*found = (struct vm_conf_problem){.line = line, .what = arena_strdup(arena, what)};
	list_add(arena, &conf->problems, found);
}

/* The name between the brackets of a header line, or NULL. Blanks may follow it. */
static char *header_name(struct arena *arena, const struct line *line)
{
	size_t n = line->n;
	while (n && isspace((unsigned char)line->start[n - 1]))
		n--;
	if (n < 3 || line->start[0] != '[' || line->start[n - 1] != ']')
		return NULL;
	return arena_memdup(arena, line->start + 1, n - 2);
}

static bool snapshot_name_is_valid(const char *name)
{
	if (!isalpha((unsigned char)name[0]) || !name[1])
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return false;
	return true;
}

/* ^([a-z][a-z_\-]*\d*):\s*(.+?)\s*$ */
static struct vm_conf_entry *read_entry(struct arena *arena, const struct line *line, size_t number)
{
	size_t n = 0;
	const char *text = line->start;
	if (!line->n || !islower((unsigned char)text[0]))
		return NULL;
	while (n < line->n && (islower((unsigned char)text[n]) || text[n] == '_' || text[n] == '-'))
		n++;
	while (n < line->n && isdigit((unsigned char)text[n]))
		n++;
	if (n >= line->n || text[n] != ':')
		return NULL;
	size_t rest = line->n - n - 1;
	char *value = text_trim(arena, text + n + 1, rest);
	if (!*value && rest) /* .+? needs one character: of blanks alone the last one is the value
			      */
		value = arena_memdup(arena, text + line->n - 1, 1);
	if (!*value)
		return NULL;
	struct vm_conf_entry *entry = arena_alloc(arena, sizeof *entry);
	*entry = (struct vm_conf_entry){
			.key = arena_memdup(arena, text, n), .value = value, .line = number};
	return entry;
}

/* The section a header starts; NULL when PVE skips it and all that follows. */
static struct vm_conf_section *open_section(struct arena *arena, struct vm_conf *conf,
		struct index *snapshots, const char *name, size_t number)
{
	if (strcasecmp(name, "PENDING") == 0) {
		conf->pending = (struct vm_conf_section){.name = arena_strdup(arena, "PENDING")};
		return &conf->pending;
	}
	struct vm_conf_section *section = arena_alloc(arena, sizeof *section);
	section->name = arena_strdup(arena, name);
	if (strcasecmp(name, "special:cloudinit") == 0 || strcasecmp(name, "special:fleecing") == 0)
		return section; /* known, and of no interest here */
	if (!snapshot_name_is_valid(name)) {
		problem(arena, conf, number, arena_printf(arena, "unknown section [%s]", name));
		return NULL;
	}
	struct vm_conf_section *other = index_get(snapshots, name);
	if (other) { /* the later one replaces the earlier */
		*other = *section;
		return other;
	}
	index_put(arena, snapshots, name, section);
	list_add(arena, &conf->snapshots, section);
	return section;
}

void vm_conf_parse(struct arena *arena, const char *text, struct vm_conf *ret_conf)
{
	*ret_conf = (struct vm_conf){.current.name = arena_strdup(arena, "")};
	struct vm_conf_section *section = &ret_conf->current;
	struct index snapshots = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	for (size_t number = 1; line_next(&cursor, &line); number++) {
		char *name = header_name(arena, &line);
		if (name) {
			section = open_section(arena, ret_conf, &snapshots, name, number);
			continue;
		}
		char *content = text_trim(arena, line.start, line.n);
		if (!*content || !section)
			continue;
		if (line.start[0] == '#') {
			/* Blanks at its end are a part of it. */
			strings_add(arena, &section->description,
					arena_memdup(arena, line.start + 1, line.n - 1));
			continue;
		}
		struct vm_conf_entry *entry = read_entry(arena, &line, number);
		if (entry && strcmp(entry->key, "delete") == 0 && section != &ret_conf->pending)
			problem(arena, ret_conf, number, "'delete' is only allowed in [PENDING]");
		else if (entry && strchr(entry->value, '\r'))
			problem(arena, ret_conf, number,
					"a carriage return in the value; PVE drops the line when "
					"it "
					"next writes");
		else if (entry)
			list_add(arena, &section->entries, entry);
		else
			problem(arena, ret_conf, number,
					"not a 'key: value' line; PVE drops it when it next "
					"writes");
	}
	index_free(&snapshots);
}

const char *vm_conf_get(const struct vm_conf_section *section, const char *key)
{
	for (size_t i = section->entries.n; i > 0; i--) {
		const struct vm_conf_entry *entry = section->entries.item[i - 1];
		if (strcmp(entry->key, key) == 0)
			return entry->value;
	}
	return NULL;
}

void vm_conf_encode(struct text *text, const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line[i];
		if (c < 0x20 || c > 0x7e || c == '%' || c == ':')
			text_addf(text, "%%%02X", c);
		else
			text_add_bytes(text, line + i, 1);
	}
}

static int hex_digit(char c)
{
	const char *const digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
	return found ? (int)(found - digits) : -1;
}

static void add_decoded(struct text *text, const char *line)
{
	for (const char *c = line; *c; c++) {
		int high = *c == '%' ? hex_digit(c[1]) : -1;
		int low = high >= 0 ? hex_digit(c[2]) : -1;
		const unsigned char byte = (unsigned char)(high * 16 + low);
		text_add_bytes(text, low >= 0 ? (const char *)&byte : c, 1);
		c += low >= 0 ? 2 : 0;
	}
}

static void add_description(struct text *out, const struct vm_conf_section *section)
{
	struct text plain = {0};
	for (size_t i = 0; i < section->description.n; i++) {
		add_decoded(&plain, section->description.item[i]);
		text_add(&plain, "\n");
	}
	struct lines at = lines_start_n(text_string(&plain), plain.n);
	struct line line;
	while (line_next(&at, &line)) {
		text_add(out, "#");
		vm_conf_encode(out, line.start, line.n);
		text_add(out, "\n");
	}
	text_free(&plain);
}

/* Options of $confdesc that are no text. Proxmox VE writes 0 or 1 for any spelling of a boolean and
 * drops a value that is none, so that an earlier one of the same key counts. */
static const char *const boolean_keys[] = {"acpi", "allow-ksm", "autostart", "ciupgrade", "freeze",
		"keephugepages", "kvm", "localtime", "numa", "onboot", "protection", "reboot",
		"tablet", "tdf", "template"};
static const char *const integer_keys[] = {"balloon", "cores", "cpuunits", "migrate_speed",
		"shares", "smp", "snaptime", "sockets", "vcpus"};

static bool is_one_of(const char *key, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

/* The value as Proxmox VE writes it; NULL when it drops the line. */
static const char *written_value(struct arena *arena, const char *key, const char *value)
{
	static const char *const words[][2] = {
			{"1", "0"}, {"on", "off"}, {"yes", "no"}, {"true", "false"}};
	struct hostpci hostpci;
	if (strcmp(key, "snapstate") == 0 ||
			(hostpci_index(key) >= 0 &&
					hostpci_parse(arena, value, &hostpci, NULL) < 0))
		return NULL;
	if (is_one_of(key, boolean_keys, sizeof boolean_keys / sizeof *boolean_keys)) {
		for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
			if (strcasecmp(value, words[i][0]) == 0)
				return "1";
			if (strcasecmp(value, words[i][1]) == 0)
				return "0";
		}
		return NULL;
	}
	if (!is_one_of(key, integer_keys, sizeof integer_keys / sizeof *integer_keys))
		return value;
	if (value[strspn(value, "0123456789")])
		return NULL;
	size_t zeros = strspn(value, "0");
	return value[zeros] ? value + zeros : "0";
}

static const struct vm_conf_entry *find_entry(
		struct arena *arena, const struct list *entries, const char *key)
{
	for (size_t i = entries->n; i > 0; i--) {
		const struct vm_conf_entry *entry = entries->item[i - 1];
		if (strcmp(entry->key, key) == 0 &&
				(!entry->value || written_value(arena, key, entry->value)))
			return entry;
	}
	return NULL;
}

/* Where the first section below the current one begins. */
static const char *rest_of(struct arena *arena, const char *text)
{
	struct lines cursor = lines_start(text);
	struct line line;
	while (line_next(&cursor, &line))
		if (header_name(arena, &line))
			return line.start;
	return text + strlen(text);
}

char *vm_conf_predict(struct arena *arena, const char *text, const struct list *settings)
{
	struct vm_conf conf;
	struct strings keys = {0};
	struct text out = {0};
	vm_conf_parse(arena, text, &conf);
	for (size_t i = 0; i < conf.current.entries.n; i++) {
		const struct vm_conf_entry *entry = conf.current.entries.item[i];
		if (!strings_has(&keys, entry->key))
			strings_add(arena, &keys, entry->key);
	}
	for (size_t i = 0; i < settings->n; i++) {
		const struct vm_conf_entry *entry = settings->item[i];
		if (!strings_has(&keys, entry->key))
			strings_add(arena, &keys, entry->key);
	}
	strings_sort(&keys);
	add_description(&out, &conf.current);
	for (size_t i = 0; i < keys.n; i++) {
		const struct vm_conf_entry *entry = find_entry(arena, settings, keys.item[i]);
		if (!entry)
			entry = find_entry(arena, &conf.current.entries, keys.item[i]);
		if (entry && entry->value)
			text_addf(&out, "%s: %s\n", entry->key,
					written_value(arena, entry->key, entry->value));
	}
	const char *rest = rest_of(arena, text);
	if (*rest)
		text_addf(&out, "\n%s", rest);
	return text_take(&out, arena);
}
