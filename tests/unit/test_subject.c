/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a finding is about is a type: its text is the one people and JSON know, and two subjects are
 * equal just when they are the same thing.
 */
#include <string.h>

#include "pvegpu/checks/check.h"
#include "tests/unit/helper.h"

static const struct pci_device gpu = {.name = "0000:01:00.0"};
static const struct pci_device again = {.name = "0000:01:00.0"}; /* read a second time */
static const struct pci_device audio = {.name = "0000:01:00.1"};
static const struct vm vm = {.vmid = 106};
static const struct vm other = {.vmid = 107};

static void each_kind_has_its_text(void **state)
{
	struct arena *arena = arena_new();
	(void)state;
	const struct {
		struct subject subject;
		const char *text;
	} rows[] = {
			{subject_host(), "host"},
			{subject_device(&gpu), "0000:01:00.0"},
			{subject_group(0), "group/0"},
			{subject_vm(&vm), "vm/106"},
			{subject_vmid(999999999), "vm/999999999"},
			{subject_mapping("gpu"), "mapping/gpu"},
			{subject_esp("1A2B-3C4D"), "esp/1A2B-3C4D"},
			{subject_path("/etc/default/grub"), "/etc/default/grub"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(subject_text(arena, rows[i].subject), rows[i].text);
	arena_free(arena);
}

static void equal_is_the_same_thing(void **state)
{
	char name[] = "gpu";
	(void)state;
	assert_true(subject_equal(subject_host(), subject_host()));
	assert_true(subject_equal(subject_device(&gpu), subject_device(&again)));
	assert_true(subject_equal(subject_vm(&vm), subject_vmid(106)));
	assert_true(subject_equal(subject_group(7), subject_group(7)));
	assert_true(subject_equal(subject_mapping("gpu"), subject_mapping(name)));
	assert_false(subject_equal(subject_device(&gpu), subject_device(&audio)));
	assert_false(subject_equal(subject_group(106), subject_vmid(106)));
	assert_false(subject_equal(subject_group(7), subject_group(8)));
	assert_false(subject_equal(subject_mapping("gpu"), subject_mapping("gpu2")));
	assert_false(subject_equal(subject_mapping("gpu"), subject_esp("gpu")));
	assert_false(subject_equal(subject_path("/vms/106"), subject_vmid(106)));
}

/* What is asked of a finding; a goal without a GPU, a VM or a mapping is about none. */
static void questions_take_what_is_not_there(void **state)
{
	(void)state;
	assert_true(subject_is_host(subject_host()));
	assert_false(subject_is_host(subject_path("host")));
	assert_true(subject_is_device(subject_device(&gpu), &again));
	assert_false(subject_is_device(subject_device(&gpu), &audio));
	assert_false(subject_is_device(subject_device(&gpu), NULL));
	assert_true(subject_is_vm(subject_vm(&vm), &vm));
	assert_false(subject_is_vm(subject_vm(&vm), &other));
	assert_false(subject_is_vm(subject_host(), NULL));
	assert_true(subject_is_mapping(subject_mapping("gpu"), "gpu"));
	assert_false(subject_is_mapping(subject_mapping("gpu"), NULL));
	assert_false(subject_is_mapping(subject_path("gpu"), "gpu"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(each_kind_has_its_text),
			cmocka_unit_test(equal_is_the_same_thing),
			cmocka_unit_test(questions_take_what_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
