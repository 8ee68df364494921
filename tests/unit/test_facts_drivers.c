/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What counts as bound for a VM, and which modules could take a card before vfio-pci does. */
#include "tests/unit/facts_tree.h"

static const char port[] = "/pci0000:00/0000:00:01.0";

static const char *rivals_of(struct tree *tree, const char *name)
{
	struct strings rivals = facts_rivals(tree->facts, tree_find(tree, name), tree->arena);
	return strings_join(tree->arena, &rivals, " ");
}

static void a_variant_driver_of_vfio_is_bound_for_a_vm(void **state)
{
	struct tree *tree = *state;
	tree_write(tree, "/proc/sys/kernel/osrelease", "7.0.2-1-pve\n");
	tree_write(tree, "/lib/modules/7.0.2-1-pve/modules.alias",
			"alias vfio_pci:v00008086d*sv*sd*bc03sc*i* xe_vfio_pci\n");
	tree_device(tree, port, "0000:01:00.0", "38000", "8086:56C0", "xe-vfio-pci");
	tree_device(tree, port, "0000:02:00.0", "30000", "10DE:2206", "vfio-pci");
	tree_device(tree, port, "0000:03:00.0", "30200", "10DE:2235", "nvidia");
	tree_write(tree, "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/vfio-dev/vfio0/dev",
			"511:0\n");
	tree_device(tree, port, "0000:04:00.0", "30000", "10DE:2206", "nvidia");
	(void)tree_read(tree);
	assert_true(device_on_vfio(tree_find(tree, "0000:01:00.0")));
	assert_true(device_on_vfio(tree_find(tree, "0000:02:00.0")));
	assert_true(device_on_vfio(tree_find(tree, "0000:03:00.0")));
	assert_false(device_on_vfio(tree_find(tree, "0000:04:00.0")));
}

/* A kernel that is installed beside the running one may have another driver for the card. */
static void every_kernel_that_may_boot_is_asked(void **state)
{
	struct tree *tree = *state;
	tree_write(tree, "/proc/sys/kernel/osrelease", "6.2.16-3-pve\n");
	tree_write(tree, "/boot/vmlinuz-6.2.16-3-pve", "");
	tree_write(tree, "/boot/vmlinuz-7.0.2-1-pve", "");
	tree_write(tree, "/lib/modules/6.2.16-3-pve/modules.alias",
			"alias pci:v00008086d000056A0sv*sd*bc03sc*i* i915\n"
			"alias pci:v000010DEd*sv*sd*bc03sc00i00* nouveau\n");
	tree_write(tree, "/lib/modules/7.0.2-1-pve/modules.alias",
			"alias pci:v00008086d000056A0sv*sd*bc03sc*i* xe\n"
			"alias vfio_pci:v00008086d000056A0sv*sd*bc*sc*i* xe_vfio_pci\n");
	tree_device(tree, port, "0000:01:00.0", "30000", "8086:56A0", "i915");
	(void)tree_read(tree);
	assert_string_equal(rivals_of(tree, "0000:01:00.0"), "i915 xe");
}

static void what_waits_or_is_kept_away_is_no_rival(void **state)
{
	struct tree *tree = *state;
	tree_write(tree, "/etc/modprobe.d/vfio.conf",
			"softdep nouveau pre: vfio-pci\nblacklist nvidiafb\n");
	tree_device(tree, port, "0000:01:00.0", "30000", "10DE:1E04", "nvidia");
	tree_device(tree, port, "0000:01:00.3", "C8000", "10DE:1AD9", "nvidia-gpu");
	(void)tree_read(tree);
	assert_string_equal(rivals_of(tree, "0000:01:00.0"), "nvidia nvidia_drm");
	/* modprobe wants the module's name, not the driver's. */
	assert_string_equal(rivals_of(tree, "0000:01:00.3"), "i2c_nvidia_gpu");
}

static void a_module_that_is_not_installed_is_no_rival(void **state)
{
	struct tree *tree = *state;
	tree_write(tree, "/proc/sys/kernel/osrelease", "6.2.16-3-pve\n");
	tree_write(tree, "/lib/modules/6.2.16-3-pve/modules.dep",
			"kernel/drivers/gpu/drm/nouveau/nouveau.ko:\n"
			"kernel/sound/pci/hda/snd-hda-intel.ko:\n");
	tree_device(tree, port, "0000:01:00.0", "30000", "10DE:2206", NULL);
	tree_device(tree, port, "0000:01:00.1", "40300", "10DE:1AEF", NULL);
	(void)tree_read(tree);
	assert_string_equal(rivals_of(tree, "0000:01:00.0"), "nouveau");
	assert_string_equal(rivals_of(tree, "0000:01:00.1"), "snd_hda_intel");
}

static void in_the_initramfs_vfio_comes_first(void **state)
{
	struct tree *tree = *state;
	tree_write(tree, "/etc/initramfs-tools/modules", "vfio-pci\n");
	tree_device(tree, port, "0000:01:00.0", "30000", "10DE:2206", "nouveau");
	(void)tree_read(tree);
	assert_string_equal(rivals_of(tree, "0000:01:00.0"), "");
}

static void nvidia_has_vgpus_without_mdev_since_6_8(void **state)
{
	struct tree *tree = *state;
	tree_device(tree, port, "0000:01:00.0", "30200", "10DE:2235", "nvidia");
	tree_write(tree,
			"/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/nvidia/creatable_vgpu_types",
			"");
	tree_device(tree, port, "0000:02:00.0", "30200", "10DE:2235", "nvidia");
	(void)tree_read(tree);
	assert_int_equal(tree_find(tree, "0000:01:00.0")->mdev, KNOWN_YES);
	assert_int_equal(tree_find(tree, "0000:02:00.0")->mdev, KNOWN_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TREE_TEST(a_variant_driver_of_vfio_is_bound_for_a_vm),
			TREE_TEST(every_kernel_that_may_boot_is_asked),
			TREE_TEST(what_waits_or_is_kept_away_is_no_rival),
			TREE_TEST(a_module_that_is_not_installed_is_no_rival),
			TREE_TEST(in_the_initramfs_vfio_comes_first),
			TREE_TEST(nvidia_has_vgpus_without_mdev_since_6_8),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
