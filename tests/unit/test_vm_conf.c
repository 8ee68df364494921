/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VM configuration files: what Proxmox VE reads from them is what is read here. */
#include "tests/unit/helper.h"

#include <dirent.h>
#include <jansson.h>
#include <strings.h>

#include "pvegpu/formats/hostpci.h"
#include "pvegpu/formats/vm_conf.h"

static const char plain[] = "#a description with %3A in it\n"
			    "# and a second line\n"
			    "bios: ovmf\n"
			    "cores: 8\n"
			    "hostpci0: 0000:01:00,pcie=1\n"
			    "name: gpu-vm\n"
			    "net0: virtio=BC:24:11:2A:3B:4C,bridge=vmbr0\n"
			    "\n"
			    "[PENDING]\n"
			    "hostpci1: 0000:02:00\n"
			    "delete: hostpci0\n"
			    "\n"
			    "[special:cloudinit]\n"
			    "name: hidden\n"
			    "\n"
			    "[before-upgrade]\n"
			    "#made by hand\n"
			    "cores: 4\n"
			    "snaptime: 1759000000\n";

static const struct vm_conf_section *snapshot(const struct vm_conf *conf, const char *name)
{
	const struct vm_conf_section *found = NULL;
	for (size_t i = 0; i < conf->snapshots.n; i++) {
		const struct vm_conf_section *section = conf->snapshots.item[i];
		if (strcmp(section->name, name) == 0)
			found = section;
	}
	return found;
}

static void sections(void **state)
{
	struct vm_conf conf;
	vm_conf_parse(*state, plain, &conf);
	assert_int_equal(conf.problems.n, 0);
	assert_string_equal(conf.current.name, "");
	assert_string_equal(vm_conf_get(&conf.current, "cores"), "8");
	assert_string_equal(vm_conf_get(&conf.current, "hostpci0"), "0000:01:00,pcie=1");
	assert_string_equal(vm_conf_get(&conf.current, "name"), "gpu-vm");
	assert_null(vm_conf_get(&conf.current, "hostpci1"));
	assert_null(vm_conf_get(&conf.current, "core"));
	assert_int_equal(conf.current.description.n, 2);
	assert_string_equal(conf.current.description.item[0], "a description with %3A in it");
	assert_string_equal(vm_conf_get(&conf.pending, "hostpci1"), "0000:02:00");
	assert_string_equal(vm_conf_get(&conf.pending, "delete"), "hostpci0");
	assert_null(vm_conf_get(&conf.pending, "cores"));
	assert_int_equal(conf.snapshots.n, 1);
	const struct vm_conf_section *before = snapshot(&conf, "before-upgrade");
	assert_non_null(before);
	assert_string_equal(vm_conf_get(before, "cores"), "4");
	assert_string_equal(before->description.item[0], "made by hand");
}

static void lines(void **state)
{
	struct vm_conf conf;
	const struct vm_conf_entry *entry = NULL;
	vm_conf_parse(*state, "name:a\nostype:\tl26\r\nargs:  -a b: c  \n\nonboot: 1", &conf);
	assert_int_equal(conf.problems.n, 0);
	assert_string_equal(vm_conf_get(&conf.current, "name"), "a");
	assert_string_equal(vm_conf_get(&conf.current, "ostype"), "l26");
	assert_string_equal(vm_conf_get(&conf.current, "args"), "-a b: c");
	assert_string_equal(vm_conf_get(&conf.current, "onboot"), "1");
	assert_int_equal(conf.current.entries.n, 4);
	entry = conf.current.entries.item[3];
	assert_int_equal(entry->line, 5);
	/* Proxmox VE takes a blank for a value: the key is in use. */
	vm_conf_parse(*state, "hostpci4: \nhostpci5:\n", &conf);
	assert_non_null(vm_conf_get(&conf.current, "hostpci4"));
	assert_null(vm_conf_get(&conf.current, "hostpci5"));
	assert_int_equal(conf.problems.n, 1);
}

static void last_one_counts(void **state)
{
	struct vm_conf conf;
	vm_conf_parse(*state, "hostpci0: 01:00\nhostpci0: 02:00,pcie=1\n", &conf);
	assert_string_equal(vm_conf_get(&conf.current, "hostpci0"), "02:00,pcie=1");
	/* a section that comes again replaces the earlier one, whole */
	vm_conf_parse(*state, "[PENDING]\ncores: 16\n\n[pending]\nmemory: 4096\n", &conf);
	assert_null(vm_conf_get(&conf.pending, "cores"));
	assert_string_equal(vm_conf_get(&conf.pending, "memory"), "4096");
	vm_conf_parse(*state, "[s1]\ncores: 1\nname: a\n[s2]\n[s1]\ncores: 3\n", &conf);
	assert_string_equal(vm_conf_get(snapshot(&conf, "s1"), "cores"), "3");
	assert_null(vm_conf_get(snapshot(&conf, "s1"), "name"));
	assert_int_equal(conf.snapshots.n, 2);
}

static void problems_name_the_line(void **state)
{
	static const struct {
		const char *text;
		size_t line;
	} rows[] = {
			{"name: a\nmemory : 1\n", 2},
			{" numa: 1\n", 1},
			{"name: a\n\n\nstray text\n", 4},
			{"Hostpci0: 01:00\n", 1},
			{"name: a\n  # indented comment\n", 2},
			{"[1abc]\nname: x\n", 1},
			{"[a]\n", 1},
			{"[special:other]\nname: x\n", 1},
			{"name: a\ndelete: cores\n", 2},
			{"[PENDING]\ndelete: cores\n[snap]\ndelete: cores\n", 4},
			{"name: a\rcores: 2\n", 1},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vm_conf conf;
		vm_conf_parse(*state, rows[i].text, &conf);
		if (conf.problems.n != 1)
			fail_msg("%zu problems with '%s'", conf.problems.n, rows[i].text);
		const struct vm_conf_problem *problem = conf.problems.item[0];
		assert_int_equal(problem->line, rows[i].line);
		assert_string_not_equal(problem->what, "");
	}
}

static void unknown_section_hides_its_lines(void **state)
{
	struct vm_conf conf;
	vm_conf_parse(*state, "cores: 2\n[ab.c]\ncores: 4\nhostpci0: 01:00\n[snap]\ncores: 6\n",
			&conf);
	assert_string_equal(vm_conf_get(&conf.current, "cores"), "2");
	assert_null(vm_conf_get(&conf.current, "hostpci0"));
	assert_string_equal(vm_conf_get(snapshot(&conf, "snap"), "cores"), "6");
}

static void odd_texts(void **state)
{
	static const char *const texts[] = {"", "\n", "[", "[]", "]", ":", "a:", "#", "[x",
			"[PENDING]", "[PENDING] x", "\r\n", "a\0b"};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct vm_conf conf;
		vm_conf_parse(*state, texts[i], &conf);
		assert_int_equal(conf.current.entries.n, 0);
	}
}

static bool same_value(const char *ours, const char *theirs)
{
	static const char *const yes[] = {"1", "on", "yes", "true"};
	static const char *const no[] = {"0", "off", "no", "false"};
	if (strcmp(ours, theirs) == 0)
		return true;
	/* Proxmox VE keeps booleans as 0 and 1. */
	for (size_t i = 0; i < COUNT(yes); i++)
		if ((strcmp(theirs, "1") == 0 && strcasecmp(ours, yes[i]) == 0) ||
				(strcmp(theirs, "0") == 0 && strcasecmp(ours, no[i]) == 0))
			return true;
	return false;
}

/* What no line of that key says: Proxmox VE makes these from other lines. */
static bool made_up(const char *file, const char *key)
{
	return strcmp(key, "digest") == 0 || strcmp(key, "description") == 0 ||
	       (strcmp(key, "snapstate") == 0 && strstr(file, "unanchored")) ||
	       (strcmp(key, "ide2") == 0 && strstr(file, "cdrom"));
}

/* Values are not checked here, so a later bad one hides the good one that Proxmox VE keeps. */
static bool has_entry(const struct vm_conf_section *section, const char *key, const char *value)
{
	for (size_t i = 0; i < section->entries.n; i++) {
		const struct vm_conf_entry *entry = section->entries.item[i];
		if (strcmp(entry->key, key) == 0 && same_value(entry->value, value))
			return true;
	}
	return false;
}

static size_t compare_section(struct arena *arena, const char *file, json_t *theirs,
		const struct vm_conf_section *ours)
{
	size_t wrong = 0;
	const char *key = NULL;
	json_t *member = NULL;
	json_object_foreach(theirs, key, member)
	{
		const char *value = json_string_value(member);
		if (!value || made_up(file, key))
			continue;
		const char *got = vm_conf_get(ours, key);
		if (!got || (!same_value(got, value) && !has_entry(ours, key, value))) {
			wrong++;
			print_message("%s: [%s] %s is '%s', ours '%s'\n", file, ours->name, key,
					value, got ? got : "(not set)");
		}
	}
	/* A passthrough that we see and Proxmox VE does not would be a false alarm. */
	for (size_t i = 0; i < ours->entries.n; i++) {
		const struct vm_conf_entry *entry = ours->entries.item[i];
		struct hostpci parsed;
		if (hostpci_index(entry->key) >= 0 &&
				hostpci_parse(arena, entry->value, &parsed, NULL) == 0 &&
				!json_object_get(theirs, entry->key)) {
			wrong++;
			print_message("%s: [%s] %s is not known to PVE\n", file, ours->name,
					entry->key);
		}
	}
	return wrong;
}

static size_t compare_file(struct arena *arena, const char *dir, const char *file)
{
	size_t size = 0;
	char *text = helper_read(arena, arena_printf(arena, "%s/%s", dir, file), &size);
	json_t *row = json_load_file(
			arena_printf(arena, "%s/%s.json", dir, file), JSON_ALLOW_NUL, NULL);
	assert_non_null(text);
	assert_non_null(row);
	if (strlen(text) != size) {
		json_decref(row);
		return 0;
	}
	struct vm_conf conf;
	vm_conf_parse(arena, text, &conf);
	json_t *theirs = json_object_get(row, "conf");
	size_t wrong = compare_section(arena, file, theirs, &conf.current);
	wrong += compare_section(arena, file, json_object_get(theirs, "pending"), &conf.pending);
	json_t *snapshots = json_object_get(theirs, "snapshots");
	if (json_object_size(snapshots) != conf.snapshots.n) {
		wrong++;
		print_message("%s: %zu snapshots, ours %zu\n", file, json_object_size(snapshots),
				conf.snapshots.n);
	}
	const char *name = NULL;
	json_t *member = NULL;
	json_object_foreach(snapshots, name, member)
	{
		const struct vm_conf_section *ours = snapshot(&conf, name);
		if (ours) {
			wrong += compare_section(arena, file, member, ours);
		} else {
			wrong++;
			print_message("%s: snapshot %s is missing\n", file, name);
		}
	}
	/* Every line Proxmox VE cannot read is a problem here too. */
	size_t unread = 0;
	size_t i = 0;
	json_array_foreach(json_object_get(row, "warnings"), i, member)
	{
		const char *warning = json_string_value(member);
		unread += strstr(warning, "unable to parse config") ||
			  strstr(warning, "is only allowed in [PENDING]") ||
			  strstr(warning, "contains a line feed");
	}
	size_t said = 0;
	for (i = 0; i < conf.problems.n; i++) {
		const struct vm_conf_problem *problem = conf.problems.item[i];
		said += strstr(problem->what, "section") == NULL;
	}
	if (said != unread) {
		wrong++;
		print_message("%s: %zu lines cannot be read, ours %zu\n", file, unread, said);
	}
	json_decref(row);
	return wrong;
}

static void as_pve_reads_them(void **state)
{
	char *dir = helper_shared(*state, "data/corpus/vmconf");
	if (!dir)
		SKIP("no corpus of configurations (PVEGPU_SHARED)");
	DIR *listing = opendir(dir);
	assert_non_null(listing);
	size_t files = 0;
	size_t wrong = 0;
	const struct dirent *entry = NULL;
	while ((entry = readdir(listing)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		if (!text_ends(entry->d_name, ".conf"))
			continue;
		wrong += compare_file(*state, dir, entry->d_name);
		files++;
	}
	(void)closedir(listing);
	print_message("%zu files compared\n", files);
	assert_true(files > 10);
	assert_int_equal(wrong, 0);
}

static struct list make_settings(struct arena *arena, const char *const values[][2], size_t n)
{
	struct list settings = {0};
	for (size_t i = 0; i < n; i++) {
		struct vm_conf_entry *entry = arena_alloc(arena, sizeof *entry);
		entry->key = arena_strdup(arena, values[i][0]);
		entry->value = arena_strdup(arena, values[i][1]);
		list_add(arena, &settings, entry);
	}
	return settings;
}

static void predicted(void **state)
{
	static const char *const values[][2] = {
			{"machine", "q35"}, {"hostpci10", "02:00"}, {"cores", NULL}};
	struct list settings = make_settings(*state, values, COUNT(values));
	assert_string_equal(vm_conf_predict(*state,
					    "name: a\ncores: 4\n#one: 1\nstray\nhostpci2: 01:00\n"
					    "machine: pc\n\n[snap]\ncores: 1\n",
					    &settings),
			"#one%3A 1\nhostpci10: 02:00\nhostpci2: 01:00\nmachine: q35\nname: a\n"
			"\n[snap]\ncores: 1\n");
	settings.n = 0;
	assert_string_equal(vm_conf_predict(*state, "", &settings), "");
}

/* Up to the first section below the current one. */
static char *current_section(struct arena *arena, const char *text)
{
	const char *end = text[0] == '[' ? text : strstr(text, "\n[");
	return end ? arena_strndup(arena, text, (size_t)(end - text)) : arena_strdup(arena, text);
}

static void predicted_booleans_and_numbers(void **state)
{
	struct list none = {0};
	assert_string_equal(
			vm_conf_predict(*state,
					"onboot: yes\nnuma: On\nkvm: FALSE\nacpi: 0\nname: yes\n"
					"cores: 004\nsockets: 0\n",
					&none),
			"acpi: 0\ncores: 4\nkvm: 0\nname: yes\nnuma: 1\nonboot: 1\nsockets: 0\n");
	/* What is no boolean or number is dropped, and an earlier line counts. */
	assert_string_equal(
			vm_conf_predict(*state, "cores: 8\ncores: two\ntablet: maybe\nvcpus: -1\n",
					&none),
			"cores: 8\n");
	assert_string_equal(
			vm_conf_predict(*state,
					"hostpci0: 01:00\nhostpci0: 01:00,foo=1\nhostpci1: 0B:00\n"
					"hostpci16: x\nsnapstate: prepare\n",
					&none),
			"hostpci0: 01:00\nhostpci16: x\n");
}

/* The files that Proxmox VE understands whole, after its own code wrote them with three settings.
 */
static void predicted_as_pve_writes(void **state)
{
	char *dir = helper_shared(*state, "data/corpus/vmconf");
	if (!dir)
		SKIP("no corpus of files (PVEGPU_SHARED)");
	static const char *const values[][2] = {{"machine", "q35"},
			{"hostpci0", "0000:01:00,pcie=1,x-vga=0"}, {"cpu", "host"}};
	struct list settings = make_settings(*state, values, COUNT(values));
	char *index = helper_read(*state, arena_printf(*state, "%s/index.jsonl", dir), NULL);
	struct lines cursor = lines_start(index);
	struct line line;
	size_t compared = 0;
	size_t wrong = 0;
	while (line_next(&cursor, &line)) {
		json_t *row = json_loadb(line.start, line.n, 0, NULL);
		const char *name = json_string_value(json_object_get(row, "file"));
		char *path = arena_printf(*state, "%s/%s", dir, name);
		char *text = helper_read(*state, path, NULL);
		char *theirs = helper_read(
				*state, arena_printf(*state, "%s.rewritten", path), NULL);
		/* A VM in the middle of a snapshot is locked: nothing is planned for it. cdrom and
		 * smp are names from before Proxmox VE 2.0. */
		bool apart = strstr(name, "snapstate") || strstr(name, "cdrom-ide2") ||
			     strstr(name, "smp");
		if (theirs && !apart && json_is_true(json_object_get(row, "strict_ok"))) {
			char *ours = vm_conf_predict(*state, text, &settings);
			compared++;
			if (strcmp(current_section(*state, ours),
					    current_section(*state, theirs)) != 0) {
				wrong++;
				print_message("%s:\n%s\n-- not\n%s\n", name,
						current_section(*state, ours),
						current_section(*state, theirs));
			}
		}
		json_decref(row);
	}
	print_message("%zu files compared\n", compared);
	assert_true(compared > 15);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(predicted),
			TEST(predicted_booleans_and_numbers),
			TEST(predicted_as_pve_writes),
			TEST(sections),
			TEST(lines),
			TEST(last_one_counts),
			TEST(problems_name_the_line),
			TEST(unknown_section_hides_its_lines),
			TEST(odd_texts),
			TEST(as_pve_reads_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
