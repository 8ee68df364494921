/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_TESTS_UNIT_FACTS_TREE_H
#define PVEGPU_TESTS_UNIT_FACTS_TREE_H

/* Small hosts for the tests of facts: a tree below the test's own directory, made file by file. */

#include "pvegpu/base/root.h"
#include "pvegpu/facts/facts.h"
#include "tests/unit/helper.h"

struct tree {
	struct arena *arena;
	char *dir;
	struct root *root;
	struct facts *facts;
};

/* A file of the tree, with the directories above it. */
static inline void tree_write(struct tree *tree, const char *path, const char *text)
{
	char *full = arena_printf(tree->arena, "%s%s", tree->dir, path);
	for (char *slash = strchr(full + strlen(tree->dir) + 1, '/'); slash;
			slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(full, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
	helper_write(full, text);
}

static inline void tree_link(struct tree *tree, const char *path, const char *target)
{
	char *full = arena_printf(tree->arena, "%s%s", tree->dir, path);
	tree_write(tree, arena_printf(tree->arena, "%s.made", path), "");
	assert_return_code(symlink(target, full), errno);
}

/* A PCI function below `above` ("/pci0000:00/0000:00:01.0"), as the kernel shows it. */
static inline void tree_device(struct tree *tree, const char *above, const char *address,
		const char *class_code, const char *id, const char *driver)
{
	char *real = arena_printf(tree->arena, "/sys/devices%s/%s", above, address);
	const char *bound = driver ? arena_printf(tree->arena, "DRIVER=%s\n", driver) : "";
	tree_write(tree, arena_printf(tree->arena, "%s/uevent", real),
			arena_printf(tree->arena,
					"%sPCI_CLASS=%s\nPCI_ID=%s\nPCI_SUBSYS_ID=1043:8888\n",
					bound, class_code, id));
	tree_link(tree, arena_printf(tree->arena, "/sys/bus/pci/devices/%s", address),
			arena_printf(tree->arena, "../../..%s", real + strlen("/sys")));
}

/* `virtual` is a virtual function of `physical`; both are below /sys/bus/pci/devices. */
static inline void tree_virtual(struct tree *tree, const char *physical, const char *virtual)
{
	tree_link(tree, arena_printf(tree->arena, "/sys/bus/pci/devices/%s/physfn", virtual),
			arena_printf(tree->arena, "../%s", physical));
}

static inline int tree_setup(void **state)
{
	struct arena *arena = arena_new();
	struct tree *tree = arena_alloc(arena, sizeof *tree);
	*tree = (struct tree){.arena = arena, .dir = helper_path(arena, "host")};
	*state = tree;
	return mkdir(tree->dir, 0755);
}

static inline int tree_teardown(void **state)
{
	struct tree *tree = *state;
	facts_free(tree->facts);
	root_close(tree->root);
	int status = root_remove_tree(tree->dir, NULL);
	arena_free(tree->arena);
	return status;
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, tree_setup, tree_teardown)

static inline struct facts *tree_read(struct tree *tree)
{
	struct error err = {0};
	facts_free(tree->facts);
	root_close(tree->root);
	tree->facts = NULL;
	tree->root = NULL;
	if (root_open(tree->dir, &tree->root, &err) < 0 ||
			facts_read(tree->root, &tree->facts, &err) < 0)
		fail_msg("%s", err.text);
	return tree->facts;
}

static inline struct pci_device *tree_find(struct tree *tree, const char *name)
{
	struct pci_address address;
	assert_true(pci_address_parse_full(name, &address));
	struct pci_device *device = facts_device(tree->facts, &address);
	assert_non_null(device);
	return device;
}

#endif
