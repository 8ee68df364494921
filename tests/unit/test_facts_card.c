/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which functions are one card, how a line names it, and what an address means: what is given to a
 * VM is what was asked for. */
#include "tests/unit/facts_tree.h"

static const char switch_above[] = "/pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:01.0";

static const char *card_of(struct tree *tree, const char *name)
{
	struct list names =
			facts_card_names(tree->facts, tree_find(tree, name), false, tree->arena);
	struct strings paths = {0};
	for (size_t i = 0; i < names.n; i++)
		strings_add(tree->arena, &paths, ((struct card_name *)names.item[i])->path);
	return strings_join(tree->arena, &paths, ";");
}

static size_t functions_of(struct tree *tree, const char *name)
{
	return facts_card(tree->facts, tree_find(tree, name), tree->arena).n;
}

static void a_card_is_its_slot(void **state)
{
	struct tree *tree = *state;
	tree_device(tree, "/pci0000:00/0000:00:01.0", "0000:01:00.0", "30000", "10DE:2182",
			"nouveau");
	tree_device(tree, "/pci0000:00/0000:00:01.0", "0000:01:00.1", "40300", "10DE:1AEB", NULL);
	tree_device(tree, "/pci0000:00/0000:00:01.0", "0000:01:00.2", "C0330", "10DE:1AEC", NULL);
	tree_device(tree, "/pci0000:00/0000:00:01.0", "0000:01:00.3", "C8000", "10DE:1AED", NULL);
	(void)tree_read(tree);
	assert_int_equal(functions_of(tree, "0000:01:00.0"), 4);
	assert_string_equal(card_of(tree, "0000:01:00.0"), "0000:01:00");
}

static void an_apu_gives_only_its_audio(void **state)
{
	struct tree *tree = *state;
	tree_device(tree, "/pci0000:00/0000:00:08.1", "0000:07:00.0", "30000", "1002:1638",
			"amdgpu");
	tree_device(tree, "/pci0000:00/0000:00:08.1", "0000:07:00.1", "40300", "1002:1637", NULL);
	tree_device(tree, "/pci0000:00/0000:00:08.1", "0000:07:00.2", "108000", "1022:15DF", "ccp");
	tree_device(tree, "/pci0000:00/0000:00:08.1", "0000:07:00.3", "C0330", "1022:1639",
			"xhci_hcd");
	tree_device(tree, "/pci0000:00/0000:00:08.1", "0000:07:00.6", "40300", "1022:15E3", NULL);
	(void)tree_read(tree);
	assert_string_equal(card_of(tree, "0000:07:00.0"), "0000:07:00.0;0000:07:00.1");
}

static void audio_of_arc_is_on_the_next_bus(void **state)
{
	struct tree *tree = *state;
	tree_device(tree, "/pci0000:00", "0000:00:01.0", "60400", "8086:1901", NULL);
	tree_device(tree, "/pci0000:00/0000:00:01.0", "0000:01:00.0", "60400", "8086:4FA1", NULL);
	tree_device(tree, "/pci0000:00/0000:00:01.0/0000:01:00.0", "0000:02:01.0", "60400",
			"8086:4FA4", NULL);
	tree_device(tree, "/pci0000:00/0000:00:01.0/0000:01:00.0", "0000:02:04.0", "60400",
			"8086:4FA4", NULL);
	tree_device(tree, switch_above, "0000:03:00.0", "30000", "8086:56A0", "i915");
	tree_device(tree, "/pci0000:00/0000:00:01.0/0000:01:00.0/0000:02:04.0", "0000:04:00.0",
			"40300", "8086:4F90", "snd_hda_intel");
	/* Another card's audio behind another port of the processor is not of it. */
	tree_device(tree, "/pci0000:00", "0000:00:1f.3", "40300", "8086:A348", "snd_hda_intel");
	(void)tree_read(tree);
	assert_string_equal(card_of(tree, "0000:03:00.0"), "0000:03:00;0000:04:00.0");
}

static void a_virtual_function_is_never_widened(void **state)
{
	struct tree *tree = *state;
	struct pci_device *found = NULL;
	struct error err = {0};
	tree_device(tree, "/pci0000:00", "0000:00:02.0", "30000", "8086:A780", "i915");
	tree_device(tree, "/pci0000:00", "0000:00:02.1", "30000", "8086:A780", "i915");
	tree_device(tree, "/pci0000:00", "0000:00:02.2", "30000", "8086:A780", "i915");
	tree_virtual(tree, "0000:00:02.0", "0000:00:02.1");
	tree_virtual(tree, "0000:00:02.0", "0000:00:02.2");
	struct facts *facts = tree_read(tree);
	assert_string_equal(card_of(tree, "0000:00:02.1"), "0000:00:02.1");
	assert_string_equal(card_of(tree, "0000:00:02.0"), "0000:00:02.0");
	assert_int_equal(tree_find(tree, "0000:00:02.0")->virtfns.n, 2);
	assert_ptr_equal(tree_find(tree, "0000:00:02.2")->physfn, tree_find(tree, "0000:00:02.0"));
	assert_int_equal(facts_find_gpu(facts, "00:02.2", &found, &err), 0);
	assert_string_equal(found->name, "0000:00:02.2");
}

/* Alone on its bus today, and one of seven tomorrow. */
static void a_virtual_function_alone_is_named_by_its_function(void **state)
{
	struct tree *tree = *state;
	struct pci_device *found = NULL;
	struct error err = {0};
	tree_device(tree, "/pci0000:00", "0000:21:00.0", "38000", "8086:56C0", "xe");
	tree_device(tree, "/pci0000:00", "0000:22:00.0", "38000", "8086:56C0", "xe");
	tree_virtual(tree, "0000:21:00.0", "0000:22:00.0");
	struct facts *facts = tree_read(tree);
	assert_string_equal(card_of(tree, "0000:22:00.0"), "0000:22:00.0");
	assert_int_equal(facts_find_gpu(facts, "22:00", &found, &err), ERROR_USAGE);
	assert_non_null(strstr(err.text, "virtual functions"));
}

/* A captured tree may have the links of the physical function alone. */
static void links_of_the_physical_function_do(void **state)
{
	struct tree *tree = *state;
	tree_device(tree, "/pci0000:00", "0000:00:02.0", "30000", "8086:A780", "i915");
	tree_device(tree, "/pci0000:00", "0000:00:02.1", "30000", "8086:A780", "i915");
	tree_write(tree, "/sys/devices/pci0000:00/0000:00:02.0/sriov_numvfs", "1\n");
	tree_link(tree, "/sys/bus/pci/devices/0000:00:02.0/virtfn0", "../0000:00:02.1");
	(void)tree_read(tree);
	assert_true(pci_is_virtual(tree_find(tree, "0000:00:02.1")));
	assert_int_equal(tree_find(tree, "0000:00:02.0")->virtfns.n, 1);
}

static void kinds(void **state)
{
	struct tree *tree = *state;
	struct pci_device *found = NULL;
	tree_device(tree, "/pci0000:00", "0000:c5:00.0", "30000", "1A03:2000", "ast");
	tree_device(tree, "/pci0000:00", "0000:c8:00.0", "68000", "10DE:22A3", NULL);
	tree_device(tree, "/pci0000:00", "0000:d1:00.0", "120000", "1002:74A1", "amdgpu");
	tree_device(tree, "/pci0000:00", "0000:d2:00.0", "30000", "102B:0520", NULL);
	struct facts *facts = tree_read(tree);
	assert_true(pci_is_bmc(tree_find(tree, "0000:c5:00.0")));
	assert_false(pci_is_bmc(tree_find(tree, "0000:d2:00.0"))); /* a card of 1998 */
	assert_true(pci_is_nvswitch(tree_find(tree, "0000:c8:00.0")));
	assert_false(pci_is_bridge(tree_find(tree, "0000:c8:00.0")));
	assert_int_equal(facts_find_gpu(facts, "d1:00", &found, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TREE_TEST(a_card_is_its_slot),
			TREE_TEST(an_apu_gives_only_its_audio),
			TREE_TEST(audio_of_arc_is_on_the_next_bus),
			TREE_TEST(a_virtual_function_is_never_widened),
			TREE_TEST(a_virtual_function_alone_is_named_by_its_function),
			TREE_TEST(links_of_the_physical_function_do),
			TREE_TEST(kinds),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
