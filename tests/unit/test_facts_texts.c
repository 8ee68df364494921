/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What facts take from long texts: names from pci.ids, lines from the kernel's log. */
#include <unistd.h>

#include "pvegpu/base/text.h"
#include "tests/unit/facts_tree.h"

static const char port[] = "/pci0000:00/0000:00:01.0";

static void devices_have_the_names_that_lspci_shows(void **state)
{
	struct tree *tree = *state;
	if (access("/usr/share/misc/pci.ids", R_OK) < 0 &&
			access("/usr/share/hwdata/pci.ids", R_OK) < 0)
		SKIP("there is no pci.ids here");
	tree_device(tree, port, "0000:01:00.0", "30000", "10DE:2206", NULL);
	tree_device(tree, port, "0000:02:00.0", "30000", "10DE:FFFE", NULL);
	tree_device(tree, port, "0000:03:00.0", "20000", "FFF1:0001", NULL);
	tree_device(tree, port, "0000:04:00.0", "30000", "10DE:2206", NULL);
	tree_device(tree, port, "0000:05:00.0", "20000", "8086:1533", NULL);
	(void)tree_read(tree);
	static const char *const names[] = {"NVIDIA Corporation GA102 [GeForce RTX 3080]",
			"NVIDIA Corporation Device fffe", "Device fff1:0001",
			"NVIDIA Corporation GA102 [GeForce RTX 3080]",
			"Intel Corporation I210 Gigabit Network Connection"};
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(((struct pci_device *)tree->facts->devices.item[i])->label,
				names[i]);
}

/* In the order of the log, each once, of the last boot only. */
static void the_log_keeps_the_lines_that_checks_rest_on(void **state)
{
	struct tree *tree = *state;
	tree_device(tree, port, "0000:01:00.0", "30000", "10DE:2206", NULL);
	tree_write(tree, "/var/log/dmesg",
			"[0.0] Linux version 6.5\n"
			"[0.1] DMAR: IOMMU enabled\n"
			"[0.0] Linux version 6.8\n"
			"[0.1] BAR and fb0: and nothing\n"
			"[0.2] AMD-Vi: Interrupt remapping enabled\n"
			"[0.3] pci 0000:01:00.0: BAR 0 [mem 0xc0000000-0xcfffffff 64bit pref]\n"
			"[0.4] fb0: EFI VGA frame buffer device, assigned to efifb\n"
			"[0.5] BARBARA AMD-Vi: Found nothing\n"
			"[0.6] vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0xc0000000]\n"
			"[0.7] AMD-Vi: Found IOMMU cap 0x40");
	(void)tree_read(tree);
	static const struct {
		enum log_kind kind;
		const char *starts;
	} lines[] = {
			{LOG_REMAPPING_ON, "[0.2]"},
			{LOG_FRAMEBUFFER, "[0.4]"},
			{LOG_BAR_HELD, "[0.6]"},
			{LOG_IOMMU_ON, "[0.7]"},
	};
	assert_int_equal(tree->facts->log.n, COUNT(lines));
	for (size_t i = 0; i < COUNT(lines); i++) {
		const struct log_line *line = tree->facts->log.item[i];
		assert_int_equal(line->kind, lines[i].kind);
		assert_memory_equal(line->text, lines[i].starts, strlen(lines[i].starts));
	}
	assert_ptr_equal(((struct log_line *)tree->facts->log.item[2])->device,
			tree_find(tree, "0000:01:00.0"));
}

/* A log is read in parts: what stands over the end of one is no less kept, and a line longer than a
 * part does no harm. */
static void a_long_log_is_the_same(void **state)
{
	enum { PART = 64 * 1024, AROUND = 40 };
	struct tree *tree = *state;
	tree_device(tree, port, "0000:01:00.0", "30000", "10DE:2206", NULL);
	for (size_t before = PART - AROUND; before < PART + AROUND; before += 3) {
		struct text log = {0};
		text_add(&log, "[0.0] Linux version 6.5\n[0.1] DMAR: IOMMU enabled\n");
		while (log.n < before)
			text_add(&log, log.n + 60 < before ? "[0.2] usb 1-1: a line of nothing\n"
							   : ".");
		text_add(&log, "\n[0.0] Linux version 6.8\n[0.3] AMD-Vi: Found IOMMU cap 0x40\n");
		for (int i = 0; i < 3 * PART / 32; i++)
			text_add(&log, "[0.4] a line that does not end. ");
		text_add(&log, "\n[0.5] AMD-Vi: Interrupt remapping enabled");
		tree_write(tree, "/var/log/dmesg", text_string(&log));
		text_free(&log);
		const struct facts *facts = tree_read(tree);
		assert_int_equal(facts->log.n, 2);
		const struct log_line *first = facts->log.item[0];
		const struct log_line *second = facts->log.item[1];
		assert_string_equal(first->text, "[0.3] AMD-Vi: Found IOMMU cap 0x40");
		assert_string_equal(second->text, "[0.5] AMD-Vi: Interrupt remapping enabled");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TREE_TEST(devices_have_the_names_that_lspci_shows),
			TREE_TEST(the_log_keeps_the_lines_that_checks_rest_on),
			TREE_TEST(a_long_log_is_the_same),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
