/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each choice of the table, all the way round: it is asked for and taken back on the command line,
 * goes through JSON, stands in the manual page, has its row in the wizard where it can be set and
 * unset, and is the fix of checks that there are.
 */
#include <getopt.h>
#include <jansson.h>

#include "core/checks/questions.h"
#include "pvegpu/formats/pci_address.h"
#include "tests/unit/helper.h"
#include "tui/options.h"
#include "tui/screens/steps.h"

struct sample {
	struct arena *arena;
	struct root *root;
	struct facts *facts;
	char *manual;
};

static int open_sample(void **state)
{
	static struct sample sample;
	const char *source = getenv("PVEGPU_SOURCE");
	struct root *project = NULL;
	sample.arena = arena_new();
	char *path = arena_printf(sample.arena, "%s/tests/sample_host/root", source ? source : ".");
	*state = &sample;
	if (root_open(path, &sample.root, NULL) < 0 ||
			facts_read(sample.root, &sample.facts, NULL) < 0 ||
			root_open(source ? source : ".", &project, NULL) < 0)
		return -1;
	int status = root_read(
			project, "/tui/share/pvegpu.8", sample.arena, &sample.manual, NULL, NULL);
	root_close(project);
	/* A host that has something to offer for each of them. */
	sample.facts->firmware_setup = KNOWN_YES;
	return status;
}

static int close_sample(void **state)
{
	struct sample *sample = *state;
	facts_free(sample->facts);
	root_close(sample->root);
	arena_free(sample->arena);
	return 0;
}

static void test_rows_are_whole(void **state)
{
	(void)state;
	size_t n = 0;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++, n++) {
		assert_int_equal(choice->id, n);
		assert_non_null(choice->yes);
		assert_true((choice->no == NULL) == (choice->form != NULL));
		/* What is of a device of the host has a value; what has one is advised by nobody.
		 */
		assert_true(choice->scope != SCOPE_DEVICE || choice->form);
		assert_true(!choice->form || (!choice->advise && !choice->usual));
		assert_true(!choice->form || strlen(choice->form->ask) <= 40);
		assert_non_null(choice->help);
		const struct guide_line *guide = goal_guide_line(choice->id);
		assert_true(!guide || (guide->id == choice->id && guide->fault && choice->text));
		assert_true((choice->page == PAGE_NONE) == (choice->text == NULL));
		/* A tick is of what is yes or no; what is of a device has the check that judges it.
		 */
		assert_true((choice->checks && !choice->form) == (choice->tick != NULL));
		assert_true((choice->scope == SCOPE_DEVICE) ==
				(choice->form && choice->form->attribute));
		if (choice->scope == SCOPE_DEVICE)
			assert_ptr_equal(goal_attribute_for(choice->checks), choice);
		if (choice->text && (!choice->hint || strlen(choice->text) > 40))
			fail_msg("%s", choice->name);
	}
	assert_int_equal(n, CHOICES);
}

static const char physical[] = "0000:02:00.0";

/* The goal of `plan --OPTION`. */
static struct goal *parsed_goal(const char *option)
{
	char word[64];
	char command[] = "plan";
	char program[] = "pvegpu";
	char *words[] = {program, command, word, NULL};
	struct options options;
	(void)snprintf(word, sizeof word, "--%s", option);
	optind = 0;
	assert_int_equal(options_parse(3, words, &options), 0);
	return options.goal;
}

static enum choice parsed(const struct goal_choice *choice, const char *option)
{
	struct goal *goal = parsed_goal(option);
	enum choice value = goal->chosen[choice->id];
	goal_free(goal);
	return value;
}

static void check_number(const struct goal_choice *choice)
{
	static const char *const spellings[] = {"02:00.0", "02:00", "0000:02:00.0"};
	unsigned number = 0;
	for (size_t i = 0; i < COUNT(spellings); i++) {
		char word[64];
		(void)snprintf(word, sizeof word, "%s=%s=%s", choice->yes, spellings[i],
				choice->form->example);
		struct goal *goal = parsed_goal(word);
		assert_true(goal_number(goal, choice->id, physical, &number));
		assert_int_equal(number, atoi(choice->form->example));
		assert_false(goal_number(goal, choice->id, "0000:01:00.0", &number));
		assert_int_equal(goal_set_value(goal, choice, physical, NULL, NULL), 0);
		assert_false(goal_number(goal, choice->id, physical, &number));
		assert_int_equal(goal->devices.n, 0);
		goal_free(goal);
	}
}

/* Of each choice with a value, but of a device of the host: one that it does not take. */
static const struct {
	enum choice_id id;
	const char *bad;
} bad_values[] = {{CHOOSE_PIN_KERNEL, "../vmlinuz"}, {CHOOSE_MDEV, "nvidia:63"},
		{CHOOSE_ROMFILE, "/root/card.rom"}, {CHOOSE_SOCKETS, "0"}, {CHOOSE_CORES, "8x"},
		{CHOOSE_NUMA, "2"}, {CHOOSE_AFFINITY, "0-4294967296"}, {CHOOSE_HUGEPAGES, "4"},
		{CHOOSE_BALLOON, "-1"}, {CHOOSE_VGA, "gtx"}};

static const char *bad_value_of(const struct goal_choice *choice)
{
	for (size_t i = 0; i < COUNT(bad_values); i++)
		if (bad_values[i].id == choice->id)
			return bad_values[i].bad;
	fail_msg("no value that %s refuses", choice->name);
	return "";
}

/* For all, for one device alone, and in JSON; a bad one is refused and changes nothing. */
static void check_value(const struct goal_choice *choice)
{
	const char *good = choice->form->example;
	char word[64];
	(void)snprintf(word, sizeof word, "%s=%s", choice->yes, good);
	struct goal *goal = parsed_goal(word);
	for (char *c = word; *c; c++) /* commas part the options of --assign */
		*c = *c == ',' ? '+' : *c;
	assert_string_equal(goal->values[choice->id], good);
	assert_int_equal(goal_set_value(goal, choice, NULL, bad_value_of(choice), NULL),
			ERROR_USAGE);
	assert_string_equal(goal->values[choice->id], good);
	assert_int_equal(goal_set_value(goal, choice, NULL, NULL, NULL), 0);
	assert_null(goal->values[choice->id]);
	if (choice->scope == SCOPE_HOST) { /* of no device and no guest */
		assert_int_equal(goal_assign(goal,
						 arena_printf(goal->arena, "0000:02:00.0,%s=107",
								 word),
						 NULL),
				ERROR_USAGE);
		goal_free(goal);
		return;
	}
	assert_int_equal(goal_assign(goal, "0000:01:00.0=106", NULL), 0);
	assert_int_equal(goal_assign(goal, arena_printf(goal->arena, "0000:02:00.0,%s=107", word),
					 NULL),
			0);
	struct error err;
	assert_int_equal(goal_assign(goal,
					 arena_printf(goal->arena, "0000:03:00.0,%s=%s=108",
							 choice->yes, bad_value_of(choice)),
					 &err),
			ERROR_USAGE);
	assert_non_null(strstr(err.text, choice->form->what));
	json_t *json = goal_to_json(goal);
	struct goal *again = NULL;
	assert_int_equal(goal_from_json(json, &again, NULL), 0);
	struct goal *copy = goal_copy(again);
	struct list parts = goal_parts(copy->arena, copy);
	assert_null(((const struct goal *)parts.item[0])->values[choice->id]);
	assert_string_equal(((const struct goal *)parts.item[1])->values[choice->id], good);
	/* For all again. */
	assert_int_equal(goal_set_value(copy, choice, NULL, good, NULL), 0);
	parts = goal_parts(copy->arena, copy);
	for (size_t i = 0; i < parts.n; i++)
		assert_string_equal(((const struct goal *)parts.item[i])->values[choice->id], good);
	json_decref(json);
	goal_free(copy);
	goal_free(again);
	goal_free(goal);
}

static void test_settable(void **state)
{
	(void)state;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		if (choice->scope == SCOPE_DEVICE) {
			check_number(choice);
			continue;
		}
		if (choice->form) {
			check_value(choice);
			continue;
		}
		assert_int_equal(parsed(choice, choice->yes), CHOICE_YES);
		assert_int_equal(parsed(choice, choice->no), CHOICE_NO);
	}
}

static void test_values_are_checked(void **state)
{
	(void)state;
	static const struct {
		const char *device, *value;
	} bad[] = {{"02:00.0", "1048577"}, {"02:00.0", "-1"}, {"02:00.0", "7x"}, {"02:00.0", ""},
			{"02:00.0", "0x7"}, {"02:00.0", "00000007"}, {"gpu", "7"}, {"", "7"}};
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		if (choice->scope != SCOPE_DEVICE)
			continue;
		struct goal *goal = goal_new();
		struct error err;
		for (size_t i = 0; i < COUNT(bad); i++) {
			assert_int_equal(goal_set_value(goal, choice, bad[i].device, bad[i].value,
							 &err),
					ERROR_USAGE);
			assert_int_equal(goal->devices.n, 0);
		}
		goal_free(goal);
	}
}

static void test_through_json(void **state)
{
	(void)state;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		for (enum choice value = CHOICE_ADVISED; value <= CHOICE_YES && !choice->form;
				value++) {
			struct goal *goal = goal_new();
			struct goal *copy = NULL;
			goal->chosen[choice->id] = value;
			json_t *json = goal_to_json(goal);
			assert_int_equal(goal_from_json(json, &copy, NULL), 0);
			for (int i = 0; i < CHOICES; i++)
				assert_int_equal(copy->chosen[i], goal->chosen[i]);
			json_decref(json);
			goal_free(copy);
			goal_free(goal);
		}
}

static void test_numbers_through_json(void **state)
{
	(void)state;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		if (choice->scope != SCOPE_DEVICE)
			continue;
		struct goal *goal = goal_new();
		struct goal *copy = NULL;
		unsigned number = 0;
		const char *example = choice->form->example;
		assert_int_equal(goal_set_value(goal, choice, physical, example, NULL), 0);
		json_t *json = goal_to_json(goal);
		assert_int_equal(goal_from_json(json, &copy, NULL), 0);
		struct goal *again = goal_copy(copy);
		assert_true(goal_number(again, choice->id, physical, &number));
		assert_int_equal(number, atoi(example));
		assert_non_null(strstr(goal_text(again->arena, again),
				choice->id == CHOOSE_FUNCTIONS ? "7 virtual functions"
							       : "settings of GPU"));
		json_decref(json);
		goal_free(again);
		goal_free(copy);
		goal_free(goal);
	}
}

/* What is chosen for one guest or device is of it alone, and what is chosen for all of all again.
 */
static void test_of_one(void **state)
{
	(void)state;
	static const char *const devices[] = {"0000:01:00.0", "0000:02:00.0"};
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		if (choice->form)
			continue;
		struct goal *goal = goal_new();
		struct goal *copy = NULL;
		goal_gpu(goal, devices[0], true);
		goal_gpu(goal, devices[1], true);
		goal_give(goal, NULL, 106);
		goal_give(goal, devices[1], 107);
		goal_choose(goal, choice, devices[1], CHOICE_YES);
		json_t *json = goal_to_json(goal);
		assert_int_equal(goal_from_json(json, &copy, NULL), 0);
		for (const struct goal *each = goal; each; each = each == goal ? copy : NULL) {
			struct list parts = goal_parts(goal->arena, each);
			assert_int_equal(parts.n, 2);
			const struct goal *one = parts.item[0];
			const struct goal *other = parts.item[1];
			assert_int_equal(one->vmid, 106);
			assert_int_equal(other->vmid, 107);
			assert_int_equal(other->chosen[choice->id], CHOICE_YES);
			assert_int_equal(one->chosen[choice->id],
					choice->scope == SCOPE_HOST ? other->chosen[choice->id]
								    : CHOICE_ADVISED);
		}
		goal_choose(goal, choice, NULL, CHOICE_NO);
		struct list parts = goal_parts(goal->arena, goal);
		for (size_t i = 0; i < parts.n; i++)
			assert_int_equal(((const struct goal *)parts.item[i])->chosen[choice->id],
					CHOICE_NO);
		goal_choose(goal, choice, devices[1], CHOICE_YES);
		goal_only_gpu(goal, devices[1]);
		parts = goal_parts(goal->arena, goal);
		assert_int_equal(parts.n, 1);
		assert_int_equal(((const struct goal *)parts.item[0])->vmid, 107);
		assert_int_equal(((const struct goal *)parts.item[0])->chosen[choice->id],
				CHOICE_YES);
		json_decref(json);
		goal_free(copy);
		goal_free(goal);
	}
}

static unsigned vmid_of(struct goal *goal, const char *device)
{
	struct list parts = goal_parts(goal->arena, goal);
	for (size_t i = 0; i < parts.n; i++) {
		const struct goal *part = parts.item[i];
		if (part->gpus.n && strcmp(part->gpus.item[0], device) == 0)
			return part->vmid;
	}
	return 0;
}

/* The short form beside assignments: what is done to one, or to all, reaches the right ones. */
static void test_both_forms(void **state)
{
	(void)state;
	struct goal *goal = goal_new();
	goal_gpu(goal, "0000:01:00.0", true);
	goal_give(goal, NULL, 106);
	assert_int_equal(goal_assign(goal, "0000:02:00.0,x-vga=107", NULL), 0);
	struct goal *copy = goal_copy(goal);
	goal_only_gpu(copy, "0000:01:00.0");
	assert_int_equal(vmid_of(copy, "0000:01:00.0"), 106);
	assert_int_equal(goal_parts(copy->arena, copy).n, 1);
	goal_free(copy);
	copy = goal_copy(goal);
	goal_give(copy, NULL, 108);
	assert_int_equal(vmid_of(copy, "0000:01:00.0"), 108);
	assert_int_equal(vmid_of(copy, "0000:02:00.0"), 108);
	goal_gpu(copy, "0000:02:00.0", false);
	assert_int_equal(goal_parts(copy->arena, copy).n, 1);
	goal_free(copy);
	/* A mapping's name stays with the device it was chosen for. */
	goal_forget_devices(goal);
	goal_gpu(goal, "0000:01:00.0", true);
	goal_give(goal, NULL, 106);
	goal->mapping = arena_strdup(goal->arena, "gpu");
	goal_gpu(goal, "0000:02:00.0", true);
	struct list parts = goal_parts(goal->arena, goal);
	assert_string_equal(((const struct goal *)parts.item[0])->mapping, "gpu");
	assert_null(((const struct goal *)parts.item[1])->mapping);
	goal_forget_devices(goal);
	assert_null(goal->mapping);
	goal_free(goal);
}

/* In roff a hyphen that is typed is written \\-. */
/* What a person says counts; what is advised is left out with --no-advised, what is usual is not.
 */
static void test_taken(void **state)
{
	struct sample *sample = *state;
	struct goal *goal = goal_new();
	const struct choice_view view = {sample->facts, goal, NULL, NULL, NULL};
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		assert_false(choice->advise && choice->usual);
		if (choice->form)
			continue;
		assert_int_equal(choice_is_taken(choice, &view),
				(choice->advise && choice->advise(&view)) ||
						(choice->usual && choice->usual(&view)));
		goal->chosen[CHOOSE_ADVISED] = CHOICE_NO;
		if (choice->id != CHOOSE_ADVISED)
			assert_int_equal(choice_is_taken(choice, &view),
					choice->usual && choice->usual(&view));
		goal->chosen[choice->id] = CHOICE_YES;
		assert_true(choice_is_taken(choice, &view));
		goal->chosen[choice->id] = CHOICE_NO;
		assert_false(choice_is_taken(choice, &view));
		goal->chosen[choice->id] = CHOICE_ADVISED;
		goal->chosen[CHOOSE_ADVISED] = CHOICE_ADVISED;
	}
	goal_free(goal);
}

static void test_documented(void **state)
{
	struct sample *sample = *state;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		struct text text = {0};
		text_add(&text, "\\-\\-");
		for (const char *c = choice->yes; *c && *c != '='; c++)
			text_addf(&text, "%s%c", *c == '-' ? "\\" : "", *c);
		char *word = text_take(&text, sample->arena);
		if (!strstr(sample->manual, word))
			fail_msg("the manual page has no %s", word);
	}
}

static void test_checks_are_there(void **state)
{
	(void)state;
	for (const struct check *check = check_catalogue; check->id; check++)
		if (goal_choice_for(check->id))
			assert_non_null(goal_choice_for(check->id)->tick);
	size_t named = 0;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++)
		for (const char *at = choice->checks; at && *at; named++) {
			char id[64] = "";
			size_t n = strcspn(at, " ");
			memcpy(id, at, n < sizeof id ? n : 0);
			if (!check_by_id(id))
				fail_msg("%s names no check: %s", choice->name, id);
			at += n + strspn(at + n, " ");
		}
	assert_true(named > 10);
}

static const struct wizard_step *step_of(enum choice_page page)
{
	return page == PAGE_BIOS   ? &step_bios
	       : page == PAGE_BOOT ? &step_boot
	       : page == PAGE_VFIO ? &step_vfio
	       : page == PAGE_GPU  ? &step_gpu
				   : &step_attach;
}

/* Its row on the screen of its step, as the goal is now; NULL when it is not shown. */
static struct row *row_of(
		struct wizard *wizard, struct rows *rows, const struct goal_choice *choice)
{
	report_free(wizard->report);
	wizard->report = NULL;
	wizard->advanced = choice->page == PAGE_ADVANCED;
	assert_int_equal(report_new(wizard->facts, wizard->goal, &wizard->report, NULL), 0);
	rows->list = (struct list){0};
	step_of(choice->page)->rows(wizard, rows);
	for (size_t i = 0; i < rows->list.n; i++) {
		struct row *row = rows->list.item[i];
		if (row->choice == choice)
			return row;
	}
	return NULL;
}

/* A choice with a value: its row asks for it, and shows what was asked for. */
static void check_value_row(
		struct wizard *wizard, struct rows *rows, const struct goal_choice *choice)
{
	struct pci_address address;
	assert_true(pci_address_parse_full(physical, &address));
	struct pci_device *gpu = facts_device(wizard->facts, &address);
	for (size_t i = 0; i < wizard->facts->devices.n; i++)
		((struct pci_device *)wizard->facts->devices.item[i])->d3cold = -1;
	gpu->bar_sizes = 0;
	assert_null(row_of(wizard, rows, choice));
	gpu->sriov_total = 7;
	gpu->sriov_active = gpu->vf_drivers = gpu->d3cold = 0;
	gpu->bar_sizes = 0x700;
	gpu->largest_bar = 0;
	goal_gpu(wizard->goal, physical, true);
	struct row *row = row_of(wizard, rows, choice);
	assert_non_null(row);
	assert_non_null(row->prompt);
	assert_string_equal(row->device, physical);
	assert_string_equal(row->note, choice->id == CHOOSE_FUNCTIONS ? "0 now, of 7" : "0 now");
	assert_int_equal(goal_set_value(wizard->goal, choice, row->device, "1", NULL), 0);
	row = row_of(wizard, rows, choice);
	assert_string_equal(row->note, "1 asked for, 0 now");
	gpu->sriov_total = gpu->sriov_active = gpu->vf_drivers = gpu->d3cold = -1;
}

/* One that is asked for in the wizard: what was, and back. */
static void check_asked_row(
		struct wizard *wizard, struct rows *rows, const struct goal_choice *choice)
{
	struct facts *facts = (struct facts *)wizard->facts;
	if (choice->id == CHOOSE_PIN_KERNEL) /* there is a choice */
		strings_add(facts->arena, &facts->kernels, "6.8.12-4-pve");
	const struct row *row = row_of(wizard, rows, choice);
	if (!row)
		fail_msg("%s has no row", choice->name);
	assert_string_equal(row->prompt, choice->form->ask);
	char *before = arena_strdup(rows->arena, row->note);
	const char *good = choice->form->example;
	assert_int_equal(goal_set_value(wizard->goal, choice, row->device, good, NULL), 0);
	row = row_of(wizard, rows, choice);
	assert_non_null(strstr(row->note, good));
	assert_int_equal(goal_set_value(wizard->goal, choice, row->device, NULL, NULL), 0);
	assert_string_equal(row_of(wizard, rows, choice)->note, before);
}

static void press(struct wizard *wizard, const struct goal_choice *choice, const struct row *row)
{
	if (row->kind == ROW_CHECK)
		rows_toggle(row, wizard->goal);
	else
		step_of(choice->page)->act(wizard, row);
}

/* Vendor-neutral and with nothing set on it: what can be chosen is all open. */
static struct goal *whole_goal(void)
{
	struct goal *goal = goal_new();
	strings_add(goal->arena, &goal->gpus, "0000:01:00.0");
	goal->vmid = 106;
	goal->chosen[CHOOSE_BY_MAPPING] = CHOICE_YES; /* how mappings are made is asked then */
	goal->chosen[CHOOSE_CLEAN_UP] = CHOICE_YES;
	return goal;
}

static void test_wizard_sets_and_unsets(void **state)
{
	struct sample *sample = *state;
	for (const struct goal_choice *choice = goal_choices; choice->name; choice++) {
		if (choice->page == PAGE_NONE)
			continue;
		struct wizard wizard = {
				.facts = sample->facts, .root = sample->root, .goal = whole_goal()};
		struct rows rows = {.arena = arena_new()};
		if (choice->scope == SCOPE_DEVICE) {
			check_value_row(&wizard, &rows, choice);
			report_free(wizard.report);
			goal_free(wizard.goal);
			arena_free(rows.arena);
			continue;
		}
		if (choice->form) {
			check_asked_row(&wizard, &rows, choice);
			report_free(wizard.report);
			goal_free(wizard.goal);
			arena_free(rows.arena);
			continue;
		}
		struct row *row = row_of(&wizard, &rows, choice);
		if (!row)
			fail_msg("%s has no row", choice->name);
		bool before = row->on;
		if (choice->id == CHOOSE_BIND_EARLY) { /* one of two: the other row unsets it */
			press(&wizard, choice, row);
			assert_int_equal(wizard.goal->chosen[choice->id], CHOICE_YES);
		} else {
			press(&wizard, choice, row);
			row = row_of(&wizard, &rows, choice);
			if (row && row->on == before)
				fail_msg("%s does not change", choice->name);
			if (row) {
				press(&wizard, choice, row);
				row = row_of(&wizard, &rows, choice);
				assert_true(row && row->on == before);
			} else { /* gone with its last reason to be there */
				assert_int_equal(choice->id, CHOOSE_CLEAN_UP);
			}
		}
		report_free(wizard.report);
		goal_free(wizard.goal);
		arena_free(rows.arena);
	}
}

/* The wizard opens where a decision is missing, also where it is of the second GPU only. */
static void test_next_step_of_several(void **state)
{
	struct sample *sample = *state;
	const enum known on = sample->facts->iommu_active;
	struct goal *goal = goal_new();
	struct report *report = NULL;
	goal->chosen[CHOOSE_ADVISED] = CHOICE_NO; /* the host has nothing of its own to do */
	goal_gpu(goal, "0000:01:00.0", true);
	goal_give(goal, "0000:01:00.0", 106);
	goal_gpu(goal, "0000:02:00.0", true);
	sample->facts->iommu_active = KNOWN_YES;
	assert_int_equal(report_new(sample->facts, goal, &report, NULL), 0);
	assert_int_equal(report_next_step(report), STEP_VM);
	report_free(report);
	goal_give(goal, "0000:02:00.0", 107);
	assert_int_equal(report_new(sample->facts, goal, &report, NULL), 0);
	assert_true(report_next_step(report) > STEP_VM);
	report_free(report);
	goal_free(goal);
	sample->facts->iommu_active = on;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(test_rows_are_whole),
			cmocka_unit_test(test_settable),
			cmocka_unit_test(test_values_are_checked),
			cmocka_unit_test(test_through_json),
			cmocka_unit_test(test_numbers_through_json),
			cmocka_unit_test(test_of_one),
			cmocka_unit_test(test_both_forms),
			cmocka_unit_test(test_taken),
			cmocka_unit_test(test_documented),
			cmocka_unit_test(test_checks_are_there),
			cmocka_unit_test(test_wizard_sets_and_unsets),
			cmocka_unit_test(test_next_step_of_several),
	};
	return cmocka_run_group_tests(tests, open_sample, close_sample);
}
