/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding a finding: by its check, its step, what it is about, or several of these. */
#include <string.h>

#include "core/checks/questions.h"
#include "tests/unit/helper.h"

static const struct vm first = {.vmid = 106};
static const struct vm second = {.vmid = 107};

/* Two of one check, one of another of its step, one of another step. */
static struct report make_report(struct arena *arena)
{
	struct report report = {.arena = arena};
	const struct check *locked = check_by_id("vm.locked");
	(void)report_add(&report, check_by_id("boot.loader"), STATUS_OK, subject_host(), "loader");
	(void)report_add(&report, locked, STATUS_FAIL, subject_vm(&first), "first");
	(void)report_add(&report, check_by_id("vm.running"), STATUS_OK, subject_vm(&first), "off");
	(void)report_add(&report, locked, STATUS_OK, subject_vm(&second), "second");
	return report;
}

/* The details of all that a query finds, in their order. */
static const char *found(const struct report *report, struct finding_query query)
{
	struct strings details = {0};
	const struct finding *finding;
	while ((finding = report_next(report, &query)))
		strings_add(report->arena, &details, finding->detail);
	return strings_join(report->arena, &details, " ");
}

static void the_first_of_a_check_is_found(void **state)
{
	struct report report = make_report(*state);
	const struct finding *finding = report_find(&report, "vm.locked");
	assert_non_null(finding);
	assert_string_equal(finding->detail, "first");
	assert_string_equal(finding->subject, "vm/106");
	assert_null(report_find(&report, "vm.lock"));
	assert_null(report_find(&report, "vm.cpu-host"));
}

static void a_query_finds_what_it_names(void **state)
{
	struct report report = make_report(*state);
	struct subject subject = subject_vmid(106);
	assert_string_equal(found(&report, (struct finding_query){0}), "loader first off second");
	assert_string_equal(found(&report, (struct finding_query){.check = "vm.locked"}),
			"first second");
	assert_string_equal(
			found(&report, (struct finding_query){.steps = 1U << STEP_BOOT}), "loader");
	assert_string_equal(found(&report, (struct finding_query){.steps = 1U << STEP_BOOT |
									   1U << STEP_VM}),
			"loader first off second");
	assert_string_equal(
			found(&report, (struct finding_query){.subject = &subject}), "first off");
	assert_string_equal(found(&report, (struct finding_query){.check = "vm.running",
							   .subject = &subject}),
			"off");
	subject = subject_group(106);
	assert_string_equal(found(&report, (struct finding_query){.subject = &subject}), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test_setup_teardown(the_first_of_a_check_is_found,
					helper_arena_new, helper_arena_free),
			cmocka_unit_test_setup_teardown(a_query_finds_what_it_names,
					helper_arena_new, helper_arena_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
