/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which guest has which device: by a line, a mapping, arguments, a device node. */
#include "tests/unit/facts_tree.h"

static void two_cards(struct tree *tree)
{
	tree_write(tree, "/etc/hostname", "pve1\n");
	tree_write(tree, "/run/qemu-server/.made", "");
	tree_write(tree, "/etc/pve/lxc/.made", "");
	tree_device(tree, "/pci0000:00/0000:00:01.0", "0000:01:00.0", "30200", "10DE:2235",
			"vfio-pci");
	tree_device(tree, "/pci0000:00/0000:00:02.0", "0000:02:00.0", "30200", "10DE:2235",
			"nvidia");
}

static void a_guest(struct tree *tree, unsigned vmid, const char *lines)
{
	tree_write(tree, arena_printf(tree->arena, "/etc/pve/qemu-server/%u.conf", vmid), lines);
}

/* It runs, and its process was started with these arguments, '|' between them. */
static void it_runs(struct tree *tree, unsigned vmid, const char *arguments)
{
	char *path = arena_printf(tree->arena, "/proc/%u/cmdline", 1000 + vmid);
	char *text = arena_printf(tree->arena, "/usr/bin/kvm|-id|%u|%s|", vmid, arguments);
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++)
		if (text[i] == '|')
			text[i] = '\0';
	tree_write(tree, path, "");
	helper_write_mode(arena_printf(tree->arena, "%s%s", tree->dir, path), text, n, 0644);
	tree_write(tree, arena_printf(tree->arena, "/run/qemu-server/%u.pid", vmid),
			arena_printf(tree->arena, "%u\n", 1000 + vmid));
}

static const struct holder *only_holder(struct tree *tree, const char *name)
{
	struct list holders = facts_holders(tree->facts, tree_find(tree, name), tree->arena);
	assert_int_equal(holders.n, 1);
	return holders.item[0];
}

static void a_pool_of_two(struct tree *tree)
{
	two_cards(tree);
	tree_write(tree, "/etc/pve/mapping/pci.cfg",
			"pool\n\tmap node=pve1,path=0000:01:00.0,id=10de:2235\n"
			"\tmap node=pve1,path=0000:02:00.0,id=10de:2235\n");
}

static void of_a_pool_the_one_that_was_taken(void **state)
{
	struct tree *tree = *state;
	a_pool_of_two(tree);
	a_guest(tree, 101, "hostpci0: mapping=pool,pcie=1\n");
	it_runs(tree, 101, "-device|vfio-pci,host=0000:01:00.0,id=hostpci0,bus=ich9-pcie-port-1");
	(void)tree_read(tree);
	assert_int_equal(only_holder(tree, "0000:01:00.0")->has, KNOWN_YES);
	assert_int_equal(only_holder(tree, "0000:02:00.0")->has, KNOWN_NO);
	assert_true(only_holder(tree, "0000:02:00.0")->pool);
	assert_int_equal(only_holder(tree, "0000:01:00.0")->way, HOLDS_BY_MAPPING);
}

/* Without arguments that tell, the one of a pool is not known; a line's only device is. */
static void what_is_not_told_is_unknown(void **state)
{
	struct tree *tree = *state;
	a_pool_of_two(tree);
	a_guest(tree, 101, "hostpci0: mapping=pool\n");
	it_runs(tree, 101, "-name|x");
	(void)tree_read(tree);
	assert_int_equal(only_holder(tree, "0000:01:00.0")->has, KNOWN_UNKNOWN);
}

static void a_reservation_tells_too(void **state)
{
	struct tree *tree = *state;
	a_pool_of_two(tree);
	a_guest(tree, 101, "hostpci0: mapping=pool\n");
	it_runs(tree, 101, "-name|x");
	tree_write(tree, "/run/qemu-server/pci-id-reservations", "0000:02:00.0 101 pid:1101\n");
	(void)tree_read(tree);
	assert_int_equal(only_holder(tree, "0000:02:00.0")->has, KNOWN_YES);
	assert_int_equal(only_holder(tree, "0000:01:00.0")->has, KNOWN_NO);
}

static void args_give_a_device_past_proxmox_ve(void **state)
{
	struct tree *tree = *state;
	two_cards(tree);
	a_guest(tree, 102, "args: -device vfio-pci,host=01:00.0,multifunction=on\n");
	(void)tree_read(tree);
	assert_int_equal(only_holder(tree, "0000:01:00.0")->way, HOLDS_BY_ARGS);
	assert_int_equal(only_holder(tree, "0000:01:00.0")->has, KNOWN_NO); /* it is stopped */
}

static void a_part_of_a_card_and_a_kept_driver(void **state)
{
	struct tree *tree = *state;
	two_cards(tree);
	a_guest(tree, 103,
			"hostpci0: 0000:02:00.0,mdev=nvidia-63\nhostpci1: 01:00.0,driver=keep\n");
	(void)tree_read(tree);
	assert_int_equal(only_holder(tree, "0000:02:00.0")->way, HOLDS_BY_MDEV);
	assert_true(only_holder(tree, "0000:01:00.0")->entry->parsed.keep_driver);
}

static void a_container_by_the_numbers_of_its_nodes(void **state)
{
	struct tree *tree = *state;
	two_cards(tree);
	tree_write(tree, "/etc/pve/lxc/200.conf",
			"hostname: media\nlxc.cgroup2.devices.allow: c 195:* rwm\n");
	(void)tree_read(tree);
	const struct holder *holder = only_holder(tree, "0000:02:00.0");
	assert_int_equal(holder->way, HOLDS_BY_NODE);
	assert_int_equal(holder->id, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TREE_TEST(of_a_pool_the_one_that_was_taken),
			TREE_TEST(what_is_not_told_is_unknown),
			TREE_TEST(a_reservation_tells_too),
			TREE_TEST(args_give_a_device_past_proxmox_ve),
			TREE_TEST(a_part_of_a_card_and_a_kept_driver),
			TREE_TEST(a_container_by_the_numbers_of_its_nodes),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
