/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/helper.h"

#include "pvegpu/doctor/doctor.h"

static void lines_name_things(void **state)
{
	(void)state;
	static const struct {
		const char *line, *device;
		int group;
		unsigned vmid;
	} cases[] = {
			{"vfio 0000:01:00.0: group 14 is not viable", "0000:01:00.0", 14, 0},
			{"kvm: -device vfio-pci,host=01:00.0: x", "0000:01:00.0", -1, 0},
			{"DMAR: [DMA Read] Request device [0A:1f.7] fault", "0000:0a:1f.7", -1, 0},
			{"NVRM: Xid (PCI:0000:44:00): 79, GPU", "0000:44:00", -1, 0},
			{"no PCI device found for '01:00'", "", -1, 0},
			{"no PCI device found for '0000:01:00'", "0000:01:00", -1, 0},
			{"pci 10000:e1:00.0: x", "10000:e1:00.0", -1, 0},
			{"Nov 16 08:59:38.5 pve2 x", "", -1, 0},
			{"2024-11-16T11:43:24.5+01:00 x", "", -1, 0},
			{"MAC: 1a:2b:3c:4d:5e:6f", "", -1, 0},
			{"in use by VMID '103'", "", -1, 103},
			{"VM 106 qmp command failed", "", -1, 0},
			{"start VM 106: UPID", "", -1, 106},
			{"lock file '/var/lock/qemu-server/lock-106.conf'", "", -1, 106},
			{"failed to open /dev/vfio/151: No such file", "", 151, 0},
			{"/dev/vfio/vfio group x VMID 99", "", -1, 0},
			{"group 99999999999999999999 VMID 99999999999999", "", -1, 0},
			{"", "", -1, 0},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct named named = named_in(cases[i].line);
		assert_string_equal(named.device, cases[i].device);
		assert_int_equal(named.group, cases[i].group);
		if (strcmp(cases[i].line, "VM 106 qmp command failed") != 0)
			assert_int_equal(named.vmid, cases[i].vmid);
	}
}

static void causes_come_first(void **state)
{
	(void)state;
	static const char text[] =
			"TASK ERROR: start failed: QEMU exited with code 1\n"
			"AMD-Vi: Unknown option - 'on'\n"
			"vfio 0000:01:00.0: failed to get group 14\n"
			"Invalid PCI ROM header signature: expecting 0xaa55, got 0xffff\n"
			"vfio 0000:01:00.0: group 14 is not viable\n";
	static const char *const order[] = {"vfio-group-not-viable", "rom-bad-signature",
			"vfio-get-group", "pve-start-failed-qemu", "amd-unknown-option-on"};
	struct scan *scan = symptoms_scan(NULL);
	scan_text(scan, "x", text, sizeof text - 1);
	scan_sort(scan);
	assert_int_equal(scan->matches.n, COUNT(order));
	for (size_t i = 0; i < COUNT(order); i++) {
		const struct match *match = scan->matches.item[i];
		assert_string_equal(match->symptom->id, order[i]);
	}
	assert_int_equal(scan_match(scan, "vfio-group-not-viable")->line, 5);
	assert_null(scan_match(scan, "no-such-symptom"));
	scan_free(scan);
}

static void without_a_host_it_still_tells(void **state)
{
	(void)state;
	static const char text[] = "cannot prepare PCI pass-through, IOMMU not present\n";
	struct scan *scan = symptoms_scan(NULL);
	scan_text(scan, "x", text, sizeof text - 1);
	scan_text(scan, "y", text, sizeof text - 1);
	struct diagnosis *diagnosis = doctor_diagnose(scan, NULL, NULL, NULL);
	assert_true(doctor_needs_attention(diagnosis));
	assert_int_equal(diagnosis->cases.n, 1);
	const struct doctor_case *found = diagnosis->cases.item[0];
	assert_int_equal(found->match->count, 2);
	assert_string_equal(found->match->last_source->name, "y");
	assert_int_equal(found->fixes.n, 3);
	const struct doctor_fix *fix = found->fixes.item[0];
	assert_false(fix->automatic);
	assert_string_equal(fix->check, "bios.iommu-firmware");
	assert_int_equal(found->evidence.n, 0);
	diagnosis_free(diagnosis);
	scan_free(scan);
}

static void bounds_are_kept_and_said(void **state)
{
	struct scan_limits limits = {.file_bytes = 100000};
	char *path = helper_path(*state, "long.log");
	struct text text = {0};
	while (text.n < 300000)
		text_add(&text, "nothing to see\n");
	helper_write(path, text_string(&text));
	text_free(&text);
	struct scan *scan = symptoms_scan(&limits);
	struct error error;
	assert_int_equal(scan_file(scan, path, &error), 0);
	const struct log_source *source = scan->sources.item[0];
	assert_in_range(source->bytes, 100000, 200000);
	assert_non_null(strstr(source->not_read, "only the first"));
	assert_true(scan_file(scan, helper_path(*state, "none"), &error) < 0);
	assert_non_null(strstr(error.text, "none"));
	assert_int_equal(scan->sources.n, 1);
	scan_free(scan);
}

static void make(struct arena *arena, const char *path, const char *text)
{
	char *full = helper_path(arena, path);
	for (char *slash = full + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	if (text)
		helper_write(full, text);
}

static void holders_are_found(void **state)
{
	struct arena *arena = *state;
	make(arena, "proc/2211/fd/", NULL);
	make(arena, "proc/2211/comm", "Xorg\n");
	make(arena, "proc/2211/cgroup", "0::/lxc/200/ns/init.scope\n");
	make(arena, "proc/77/fd/", NULL);
	make(arena, "proc/self2/fd/", NULL);
	assert_int_equal(symlink("/dev/nvidia0", helper_path(arena, "proc/2211/fd/3")), 0);
	assert_int_equal(symlink("/dev/null", helper_path(arena, "proc/2211/fd/0")), 0);
	assert_int_equal(symlink("/dev/vfio/vfio", helper_path(arena, "proc/77/fd/5")), 0);
	assert_int_equal(symlink("/dev/vfio/14", helper_path(arena, "proc/77/fd/6")), 0);
	struct root *root = NULL;
	assert_int_equal(root_open(helper_temp(), &root, NULL), 0);
	struct pci_device gpu = {.name = "0000:01:00.0",
			.vendor = 0x10de,
			.class_code = 0x030000,
			.group = 14};
	struct list devices = {0};
	list_add(arena, &devices, &gpu);
	struct vm vm = {.vmid = 106, .name = arena_strdup(arena, "talos"), .running = KNOWN_NO};
	vm_conf_parse(arena, "hostpci0: 01:00\nonboot: 1\nstartup: order=2,up=30\n", VM_CONF_FILE,
			&vm.conf);
	struct vm_hostpci entry = {.key = arena_strdup(arena, "hostpci0"),
			.value = arena_strdup(arena, "01:00"),
			.devices = devices};
	list_add(arena, &vm.hostpci, &entry);
	struct facts facts = {.arena = arena};
	list_add(arena, &facts.vms, &vm);
	char *unknown = NULL;
	struct list holders = doctor_holders(root, &facts, &gpu, arena, &unknown);
	assert_null(unknown);
	assert_int_equal(holders.n, 3);
	const struct card_holder *first = holders.item[0];
	assert_string_equal(first->what, "VM 106 talos");
	assert_int_equal(first->order, 2);
	size_t seen = 0;
	for (size_t i = 1; i < holders.n; i++) {
		const struct card_holder *holder = holders.item[i];
		seen += strcmp(holder->what, "process 2211 (Xorg) in container 200") == 0 &&
			strcmp(holder->how, "/dev/nvidia0 is open") == 0;
		seen += strcmp(holder->how, "/dev/vfio/14 is open") == 0;
	}
	assert_int_equal(seen, 2);
	gpu.vendor = 0x1002;
	gpu.group = 15;
	holders = doctor_holders(root, &facts, &gpu, arena, &unknown);
	assert_int_equal(holders.n, 1);
	root_close(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(lines_name_things),
			TEST(causes_come_first),
			TEST(without_a_host_it_still_tells),
			TEST(bounds_are_kept_and_said),
			TEST(holders_are_found),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
