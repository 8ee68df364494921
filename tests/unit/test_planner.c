/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the planner makes of findings, on the sample host: neither the order in which they come nor
 * a word that people read changes the plan.
 */
#include <stdlib.h>
#include <string.h>

#include "core/plan/remedies.h"
#include "tests/unit/helper.h"

struct sample {
	struct root *root;
	struct facts *facts;
	struct goal *goal;
	struct report *report;
};

static int open_sample(void **state)
{
	static struct sample sample;
	const char *source = getenv("PVEGPU_SOURCE");
	struct arena *arena = arena_new();
	struct error err = {0};
	char *path = arena_printf(arena, "%s/tests/sample_host/root", source ? source : ".");
	int status = root_open(path, &sample.root, &err);
	arena_free(arena);
	if (status < 0 || facts_read(sample.root, &sample.facts, &err) < 0)
		return -1;
	*state = &sample;
	return 0;
}

static int close_sample(void **state)
{
	struct sample *sample = *state;
	facts_free(sample->facts);
	root_close(sample->root);
	return 0;
}

/* Each test judges anew: it changes the findings. */
static int judge(void **state)
{
	struct sample *sample = *state;
	sample->goal = goal_new();
	strings_add(sample->goal->arena, &sample->goal->gpus, "0000:01:00.0");
	sample->goal->vmid = 106;
	sample->goal->chosen[CHOOSE_CLEAN_UP] = CHOICE_YES;
	sample->goal->chosen[CHOOSE_BIND_EARLY] = CHOICE_YES;
	return report_new(sample->facts, sample->goal, &sample->report, NULL);
}

static int forget(void **state)
{
	struct sample *sample = *state;
	report_free(sample->report);
	goal_free(sample->goal);
	return 0;
}

/* The plan's text without what it quotes of findings: its changes in their order. */
static char *changes_of(struct arena *arena, const struct sample *sample, char *ret_id)
{
	struct plan *plan = NULL;
	struct text text = {0};
	assert_int_equal(planner_plan(sample->report, sample->root, &plan, NULL), 0);
	const struct list *lists[] = {&plan->changes, &plan->forecast};
	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			text_addf(&text, "%s\n", change_detail(arena, lists[l]->item[i]));
	text_addf(&text, "%zu refusals\n", plan->refusals.n);
	memcpy(ret_id, plan->id, SHA256_HEX);
	plan_free(plan);
	return text_take(&text, arena);
}

/* The same number for the same seed, on every machine. */
static size_t next_number(unsigned long *seed)
{
	*seed = *seed * 6364136223846793005UL + 1442695040888963407UL;
	return (size_t)(*seed >> 33U);
}

static void test_order_plans_nothing(void **state)
{
	struct sample *sample = *state;
	struct arena *arena = arena_new();
	struct list *findings = &sample->report->findings;
	char id[SHA256_HEX];
	char again[SHA256_HEX];
	char *changes = changes_of(arena, sample, id);
	unsigned long seed = 1;
	assert_non_null(strstr(changes, "options vfio-pci ids="));
	for (int round = 0; round < 20; round++) {
		for (size_t i = findings->n - 1; i > 0; i--) {
			size_t at = next_number(&seed) % (i + 1);
			void *other = findings->item[at];
			findings->item[at] = findings->item[i];
			findings->item[i] = other;
		}
		assert_string_equal(changes_of(arena, sample, again), changes);
		assert_string_equal(again, id);
	}
	arena_free(arena);
}

static void test_words_plan_nothing(void **state)
{
	struct sample *sample = *state;
	struct arena *arena = arena_new();
	char id[SHA256_HEX];
	char again[SHA256_HEX];
	char *changes = changes_of(arena, sample, id);
	for (size_t i = 0; i < sample->report->findings.n; i++) {
		struct finding *finding = sample->report->findings.item[i];
		finding->detail = arena_strdup(sample->report->arena, "other words");
		if (finding->fix.text)
			finding->fix.text = arena_strdup(sample->report->arena, "another fix");
		finding->evidence.n = 0;
	}
	assert_string_equal(changes_of(arena, sample, again), changes);
	assert_string_equal(again, id);
	arena_free(arena);
}

/* The catalogue says that a plan can mend what a check finds; the table of remedies does it. */
static void test_catalogue_and_remedies_agree(void **state)
{
	(void)state;
	for (const struct check *check = check_catalogue; check->id; check++)
		if (check->plans != planner_mends(check->id))
			fail_msg("%s", check->id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test_setup_teardown(test_order_plans_nothing, judge, forget),
			cmocka_unit_test_setup_teardown(test_words_plan_nothing, judge, forget),
			cmocka_unit_test(test_catalogue_and_remedies_agree),
	};
	return cmocka_run_group_tests(tests, open_sample, close_sample);
}
