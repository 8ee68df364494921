/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of a host that say something of a device or of the kernel's words, and are easily missed.
 */
#include "tests/unit/facts_tree.h"

static void a_host(struct tree *tree)
{
	tree_device(tree, "/pci0000:00", "0000:00:02.0", "30000", "8086:A780", "i915");
	tree_device(tree, "/pci0000:00/0000:00:01.0", "0000:01:00.0", "30000", "10DE:2206", NULL);
}

static void sysfs_conf_names_a_device(void **state)
{
	struct tree *tree = *state;
	a_host(tree);
	tree_write(tree, "/etc/sysfs.conf",
			"# bus/pci/devices/0000:01:00.0/x = 1\n"
			"bus/pci/devices/0000:00:02.0/sriov_numvfs = 7\n");
	struct facts *facts = tree_read(tree);
	assert_int_equal(facts->device_rules.n, 1);
	const struct device_rule *rule = facts->device_rules.item[0];
	assert_string_equal(rule->device->name, "0000:00:02.0");
	assert_int_equal(rule->line, 2);
}

static void a_udev_rule_names_it_by_address_or_ids(void **state)
{
	struct tree *tree = *state;
	a_host(tree);
	tree_write(tree, "/etc/udev/rules.d/90-gpu.rules",
			"ACTION==\"add\", SUBSYSTEM==\"pci\", ATTR{vendor}==\"0x10de\", "
			"ATTR{device}==\"0x2206\", ATTR{driver_override}=\"vfio-pci\"\n"
			"SUBSYSTEM==\"net\", NAME=\"eth0\"\n");
	tree_write(tree, "/etc/udev/rules.d/91-vf.rules",
			"SUBSYSTEM==\"pci\", KERNEL==\"0000:00:02.0\", ATTR{sriov_numvfs}=\"7\"\n");
	struct facts *facts = tree_read(tree);
	assert_int_equal(facts->device_rules.n, 2);
	const struct device_rule *first = facts->device_rules.item[0];
	const struct device_rule *second = facts->device_rules.item[1];
	assert_string_equal(first->device->name, "0000:01:00.0");
	assert_string_equal(second->device->name, "0000:00:02.0");
}

static void words_for_grub_do_not_count_under_systemd_boot(void **state)
{
	struct tree *tree = *state;
	a_host(tree);
	tree_write(tree, "/proc/cmdline",
			"initrd=\\EFI\\proxmox\\initrd.img root=ZFS=rpool quiet\n");
	tree_write(tree, "/etc/kernel/cmdline", "root=ZFS=rpool quiet iommu=pt\n");
	tree_write(tree, "/etc/default/grub",
			"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on iommu=pt\"\n");
	struct facts *facts = tree_read(tree);
	assert_int_equal(facts->grub_unused.n, 1);
	assert_string_equal(facts->grub_unused.item[0], "intel_iommu=on");
}

static void a_value_over_several_lines_is_cut(void **state)
{
	struct tree *tree = *state;
	a_host(tree);
	tree_write(tree, "/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve quiet\n");
	tree_write(tree, "/etc/default/grub",
			"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\nintel_iommu=on\niommu=pt\"\n");
	struct facts *facts = tree_read(tree);
	assert_non_null(facts->grub_cut);
	assert_string_equal(facts->grub_cut, "intel_iommu=on\niommu=pt");
	assert_int_equal(facts->grub_unused.n, 0);
}

/* A line that is continued by a backslash is one line to the shell. */
static void a_continued_value_is_whole(void **state)
{
	struct tree *tree = *state;
	a_host(tree);
	tree_write(tree, "/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.2.16-3-pve quiet\n");
	tree_write(tree, "/etc/default/grub",
			"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet \\\nintel_iommu=on\"\n");
	assert_null(tree_read(tree)->grub_cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TREE_TEST(sysfs_conf_names_a_device),
			TREE_TEST(a_udev_rule_names_it_by_address_or_ids),
			TREE_TEST(words_for_grub_do_not_count_under_systemd_boot),
			TREE_TEST(a_value_over_several_lines_is_cut),
			TREE_TEST(a_continued_value_is_whole),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
