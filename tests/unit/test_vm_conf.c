/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VM configuration files: what Proxmox VE reads from them is what is read here. */
#include "tests/unit/helper.h"

#include <dirent.h>
#include <jansson.h>

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
	vm_conf_parse(*state, plain, VM_CONF_FILE, &conf);
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
	vm_conf_parse(*state, "name:a\nostype:\tl26\r\nargs:  -a b: c  \n\nonboot: 1", VM_CONF_FILE,
			&conf);
	assert_int_equal(conf.problems.n, 0);
	assert_string_equal(vm_conf_get(&conf.current, "name"), "a");
	assert_string_equal(vm_conf_get(&conf.current, "ostype"), "l26");
	assert_string_equal(vm_conf_get(&conf.current, "args"), "-a b: c");
	assert_string_equal(vm_conf_get(&conf.current, "onboot"), "1");
	assert_int_equal(conf.current.entries.n, 4);
	entry = conf.current.entries.item[3];
	assert_int_equal(entry->line, 5);
	/* Proxmox VE takes a blank for a value: the key is in use. */
	vm_conf_parse(*state, "hostpci4: \nhostpci5:\n", VM_CONF_FILE, &conf);
	assert_non_null(vm_conf_get(&conf.current, "hostpci4"));
	assert_null(vm_conf_get(&conf.current, "hostpci5"));
	assert_int_equal(conf.problems.n, 1);
}

static size_t problem_line(const struct vm_conf *conf, size_t n)
{
	assert_true(n < conf->problems.n);
	return ((struct vm_conf_problem *)conf->problems.item[n])->line;
}

static void last_one_counts(void **state)
{
	struct vm_conf conf;
	vm_conf_parse(*state, "hostpci0: 01:00\nhostpci0: 02:00,pcie=1\n", VM_CONF_FILE, &conf);
	assert_string_equal(vm_conf_get(&conf.current, "hostpci0"), "02:00,pcie=1");
	assert_int_equal(conf.current.entries.n, 1);
	assert_int_equal(problem_line(&conf, 0), 1);
	/* the last that is valid */
	vm_conf_parse(*state, "cores: 2\ncores: 4\ncores: four\n", VM_CONF_FILE, &conf);
	assert_string_equal(vm_conf_get(&conf.current, "cores"), "4");
	assert_int_equal(problem_line(&conf, 0), 1);
	assert_int_equal(problem_line(&conf, 1), 3);
	/* a section that comes again replaces the earlier one, whole */
	vm_conf_parse(*state, "[PENDING]\ncores: 16\n\n[pending]\nmemory: 4096\n", VM_CONF_FILE,
			&conf);
	assert_null(vm_conf_get(&conf.pending, "cores"));
	assert_string_equal(vm_conf_get(&conf.pending, "memory"), "4096");
	vm_conf_parse(*state, "[s1]\ncores: 1\nname: a\n[s2]\n[s1]\ncores: 3\n", VM_CONF_FILE,
			&conf);
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
		vm_conf_parse(*state, rows[i].text, VM_CONF_FILE, &conf);
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
			VM_CONF_FILE, &conf);
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
		vm_conf_parse(*state, texts[i], VM_CONF_FILE, &conf);
		assert_int_equal(conf.current.entries.n, 0);
	}
}

static size_t compare_section(const char *file, json_t *theirs, const struct vm_conf_section *ours)
{
	static const char *const other[] = {"digest", "description"};
	size_t wrong = 0;
	size_t n = 0;
	const char *key = NULL;
	json_t *member = NULL;
	json_object_foreach(theirs, key, member)
	{
		const char *value = json_string_value(member);
		if (!value || strcmp(key, other[0]) == 0 || strcmp(key, other[1]) == 0)
			continue;
		n++;
		const char *got = vm_conf_get(ours, key);
		if (!got || strcmp(got, value) != 0) {
			wrong++;
			print_message("%s: [%s] %s is '%s', ours '%s'\n", file, ours->name, key,
					value, got ? got : "(not set)");
		}
	}
	if (n != ours->entries.n) {
		wrong++;
		print_message("%s: [%s] has %zu keys, ours %zu\n", file, ours->name, n,
				ours->entries.n);
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
	vm_conf_parse(arena, text, VM_CONF_FILE, &conf);
	json_t *theirs = json_object_get(row, "conf");
	size_t wrong = compare_section(file, theirs, &conf.current);
	wrong += compare_section(file, json_object_get(theirs, "pending"), &conf.pending);
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
			wrong += compare_section(file, member, ours);
		} else {
			wrong++;
			print_message("%s: snapshot %s is missing\n", file, name);
		}
	}
	/* Every warning is a problem here too; that a line is said again, it does not mention. */
	size_t said = 0;
	for (size_t i = 0; i < conf.problems.n; i++) {
		const struct vm_conf_problem *problem = conf.problems.item[i];
		said += !strstr(problem->what, "stands again") &&
			!strstr(problem->what, "snapstate is not kept");
	}
	size_t warned = json_array_size(json_object_get(row, "warnings"));
	if (said != warned) {
		wrong++;
		print_message("%s: %zu warnings, ours %zu\n", file, warned, said);
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
	struct vm_conf_edit edit = {
			.vmid = 100, .settings = make_settings(*state, values, COUNT(values))};
	assert_string_equal(vm_conf_predict(*state,
					    "name: a\ncores: 4\n#one: 1\nstray\nhostpci2: 01:00\n"
					    "machine: pc\n\n[snap]\ncores: 1\n",
					    &edit),
			"#one%3A 1\nhostpci10: 02:00\nhostpci2: 01:00\nmachine: q35\nname: a\n"
			"\n[snap]\ncores: 1\n");
	edit.settings.n = 0;
	assert_string_equal(vm_conf_predict(*state, "", &edit), "");
}

/* What a write without a change makes of a file. */
static void written_anew(void **state)
{
	static const struct {
		const char *text;
		const char *written;
	} rows[] = {
			{"onboot: yes\nnuma: On\nkvm: FALSE\nacpi: 0\nname: yes\ncores: 004\n"
			 "sockets: 0\n",
					"acpi: 0\ncores: 4\nkvm: 0\nname: yes\nnuma: 1\nonboot: 1\n"
					"sockets: 0\n"},
			{"cores: 8\ncores: two\ntablet: maybe\nvcpus: -1\nballoon: +1\n",
					"cores: 8\n"},
			{"hostpci0: 01:00\nhostpci0: 01:00,foo=1\nhostpci1: 0B:00\nhostpci16: x\n"
			 "hostpci00: 01:00\nsnapstate: prepare\n",
					"hostpci0: 01:00\n"},
			{"zzz: 1\nname: a\nNumA: 1\n: x\n", "name: a\n"},
			{"name: a\n[1a]\ncores: 1\n[special:other]\ncores: 1\n[a]\ncores: 1\n",
					"name: a\n"},
			/* of what stands alone words, bounds and patterns are not looked at */
			{"bios: uefi\nostype: x\nlock: y\nserial0: z\n",
					"bios: uefi\nlock: y\nostype: x\nserial0: z\n"},
			{"memory: 8\nvga: nope\nagent: 2\ncpulimit: 1.5\nmigrate_downtime: -1\n",
					"cpulimit: 1.5\n"},
			{"scsi0: st:vm-1-disk-0,cache=none,size=8G\nscsi1: st:x,cache=fast\n"
			 "ide0: none,media=cdrom\nide1: vm.raw\nvirtio0: st:x,ssd=1\nscsi31: st:x\n"
			 "sata0: st:x,mbps=1.5,iops_rd=3,bps_rd_length=2\nefidisk0: "
			 "st:x,efitype=8m\n"
			 "tpmstate0: st:x,version=v2.0\n",
					"ide0: none,media=cdrom\n"
					"sata0: st:x,mbps=1.5,iops_rd=3,bps_rd_length=2\n"
					"scsi0: st:vm-1-disk-0,cache=none,size=8G\n"
					"tpmstate0: st:x,version=v2.0\n"},
			{"net0: virtio=BC:24:11:2A:3B:4C,bridge=vmbr0\nnet1: virtio,e1000=x\n"
			 "net2: bridge=vmbr0\nnet3: e1000,tag=5000\n",
					"net0: virtio=BC:24:11:2A:3B:4C,bridge=vmbr0\n"},
			{"cpu: host,flags=+aes\ncpu: nosuch\ncpu: host,flags=+avx\ncpu: hidden=1\n",
					"cpu: host,flags=+aes\n"},
			{"ipconfig0: ip=dhcp\nipconfig1: gw=10.0.0.1\n", "ipconfig0: ip=dhcp\n"},
			{"boot: order=scsi0;net0\nstartup: order=1,up=30\nhotplug: disk,usb\n"
			 "tags: a;b\n",
					"boot: order=scsi0;net0\nhotplug: disk,usb\n"
					"startup: order=1,up=30\ntags: a;b\n"},
			{"boot: order=scsi99\nstartup: first\nhotplug: all\ntags: \"a\"\nname: "
			 "a_b\n"
			 "affinity: 7-0\nmachine: q36\nusb0: 1234\n",
					""},
			{"cdrom: local:iso/a.iso,media=cdrom\n",
					"ide2: local:iso/a.iso,media=cdrom\n"},
			{"smp: 4\ncores: 2\n", "sockets: 4\n"},
			{"args: \"-a b\"\nciuser: \"me\"\n", "args: -a b\nciuser: me\n"},
			{"scsi0: st:vm-1-disk-0\nunused0: st:vm-1-disk-0\nunused1: st:vm-1-disk-1\n",
					"scsi0: st:vm-1-disk-0\nunused1: st:vm-1-disk-1\n"},
			/* notes go to the top, escaped; blanks behind them go */
			{"name: a\n#b \xc3\xbc: %41%0Ac\n\n[s1]\ncores: 1\n#d\n# \n",
					"#b %C3%BC%3A A\n#c\nname: a\n\n[s1]\n#d\ncores: 1\n"},
			{"#a\ndescription: b%3Ac\n#\xff\n", "#a\n#b%3Ac%EF%BF%BD\n"},
			{"#0\nname: a\n", "name: a\n"},
			/* sections: [PENDING], special ones, snapshots by name */
			{"[s2]\ncores: 2\n[special:fleecing]\nfleecing-images: st:a\nx: y\n[S1]\n"
			 "snapstate: delete\n[pending]\ndelete: net0 ;!scsi1\nmemory: 4096\n",
					"\n[PENDING]\ndelete: net0 ;!scsi1\nmemory: 4096\n"
					"\n[special:fleecing]\nfleecing-images: st:a\n"
					"\n[S1]\nsnapstate: delete\n\n[s2]\ncores: 2\n"},
			/* what the drive was made from is kept while there is such a drive */
			{"ide2: st:vm-1-cloudinit,media=cdrom\n[special:cloudinit]\nanything: goes\n",
					"ide2: st:vm-1-cloudinit,media=cdrom\n"
					"\n[special:cloudinit]\nanything: goes\n"},
			{"ide2: st:vm-1-disk-1\n[special:cloudinit]\nciuser: a\n",
					"ide2: st:vm-1-disk-1\n"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(vm_conf_predict(*state, rows[i].text,
						    &(struct vm_conf_edit){.vmid = 1}),
				rows[i].written);
}

/* Of a stopped VM all that waits becomes current with the first change; of a running one that
 * change waits too. */
static void pending_and_power(void **state)
{
	static const char text[] = "cores: 2\nname: a\nnet0: virtio\nscsi0: st:vm-1-disk-0\n"
				   "scsi1: st:vm-1-disk-1\n\n[PENDING]\ncores: 4\n"
				   "delete: !net0,scsi1\nscsi0: st:vm-1-disk-2\n";
	static const char *const values[][2] = {{"cpu", "host"}, {"name", "b"}, {"scsi1", "st:x"}};
	struct vm_conf_edit edit = {.vmid = 1, .settings = make_settings(*state, values, 2)};
	edit.power = VM_CONF_STOPPED;
	assert_string_equal(vm_conf_predict(*state, text, &edit),
			"cores: 4\ncpu: host\nname: b\nscsi0: st:vm-1-disk-2\n"
			"unused0: st:vm-1-disk-1\nunused1: st:vm-1-disk-0\n");
	edit.power = VM_CONF_RUNNING;
	assert_string_equal(vm_conf_predict(*state, text, &edit),
			"cores: 2\nname: b\nnet0: virtio\nscsi0: st:vm-1-disk-0\n"
			"scsi1: st:vm-1-disk-1\n\n[PENDING]\ncores: 4\ncpu: host\n"
			"delete: !net0,scsi1\nscsi0: st:vm-1-disk-2\n");
	/* by force nothing is kept; what is set is not deleted */
	edit.settings = make_settings(*state, values, COUNT(values));
	edit.power = VM_CONF_STOPPED;
	assert_string_equal(
			vm_conf_predict(*state,
					"scsi1: st:vm-1-disk-1\nscsi2: st:vm-1-disk-2\n[PENDING]\n"
					"delete: scsi1,!scsi2,cores\n#new\n",
					&edit),
			"#new\ncpu: host\nname: b\nscsi1: st:x\nunused0: st:vm-1-disk-1\n");
}

/* What another Proxmox VE has answered it understands. */
static void from_the_api(void **state)
{
	struct vm_conf conf;
	static const char text[] = "cpu: Novel-Model\nnovel: 1\n";
	vm_conf_parse(*state, text, VM_CONF_API, &conf);
	assert_int_equal(conf.problems.n, 0);
	assert_string_equal(vm_conf_get(&conf.current, "cpu"), "Novel-Model");
	struct vm_conf_edit edit = {.vmid = 1, .source = VM_CONF_API};
	assert_string_equal(vm_conf_predict(*state, text, &edit), text);
	edit.source = VM_CONF_FILE;
	assert_string_equal(vm_conf_predict(*state, text, &edit), "");
}

struct corpus {
	const char *dir;
	const char *suffix;
	enum vm_conf_power power;
	size_t compared, wrong;
};

static void compare_written(struct arena *arena, const char *name, struct corpus *corpus)
{
	static const char *const values[][2] = {{"machine", "q35"},
			{"hostpci0", "0000:01:00,pcie=1,x-vga=0"}, {"cpu", "host"}};
	bool changed = strcmp(corpus->suffix, "unchanged") != 0;
	size_t size = 0;
	char *path = arena_printf(arena, "%s/%s", corpus->dir, name);
	char *text = helper_read(arena, path, &size);
	char *theirs = helper_read(arena, arena_printf(arena, "%s.%s", path, corpus->suffix), NULL);
	struct vm_conf_edit edit = {.vmid = 100,
			.power = corpus->power,
			.settings = make_settings(arena, values, changed ? COUNT(values) : 0)};
	theirs = theirs || changed ? theirs : text; /* the same bytes */
	if (!theirs || strlen(text) != size)        /* refused; or a NUL, which no text here has */
		return;
	char *ours = vm_conf_predict(arena, text, &edit);
	corpus->compared++;
	if (strcmp(ours, theirs) != 0) {
		corpus->wrong++;
		print_message("%s.%s:\n%s\n-- not\n%s\n", name, corpus->suffix, ours, theirs);
	}
}

/* What Proxmox VE's own code made of files: without a change, with three settings, and by a call
 * while the VM was stopped. */
static void predicted_as_pve_writes(void **state)
{
	char *dir = helper_shared(*state, "data/corpus/vmconf");
	if (!dir)
		SKIP("no corpus of files (PVEGPU_SHARED)");
	struct corpus all[] = {{dir, "unchanged", VM_CONF_WRITTEN, 0, 0},
			{dir, "rewritten", VM_CONF_WRITTEN, 0, 0},
			{dir, "apiput", VM_CONF_STOPPED, 0, 0}};
	for (size_t i = 0; i < COUNT(all); i++) {
		DIR *listing = opendir(dir);
		assert_non_null(listing);
		const struct dirent *entry = NULL;
		while ((entry = readdir(listing)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
			if (text_ends(entry->d_name, ".conf"))
				compare_written(*state, entry->d_name, &all[i]);
		(void)closedir(listing);
		print_message("%zu files compared with .%s\n", all[i].compared, all[i].suffix);
		assert_true(all[i].compared > 15);
		assert_int_equal(all[i].wrong, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(predicted),
			TEST(written_anew),
			TEST(pending_and_power),
			TEST(from_the_api),
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
