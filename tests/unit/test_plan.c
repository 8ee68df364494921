/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The planner's list of changes: what is drafted becomes one change a path, commands come once and
 * after what they serve, what follows a reboot is a forecast, and the id covers all that will be
 * done. A plan that is saved and read is the same plan, of whatever kind its changes are.
 */
#include "tests/unit/helper.h"

#include "pvegpu/plan/kind.h"

static struct root *root;

static void make(struct arena *arena, const char *path, const char *text)
{
	char *full = helper_path(arena, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	helper_write(full, text);
}

static int tree_new(void **state)
{
	struct arena *arena = arena_new();
	if (helper_temp_new(state) < 0)
		return -1;
	make(arena, "etc/modules", "loop\n");
	make(arena, "sys/devices/pci0/0000:01:00.0/sriov_numvfs", "0\n");
	make(arena, "sys/kernel/mm/enabled", "always [madvise] never\n");
	make(arena, "etc/secret", "x\n");
	make(arena, "sys/bus/pci/devices/README", "\n");
	int failed = symlink("../../../devices/pci0/0000:01:00.0",
			helper_path(arena, "sys/bus/pci/devices/0000:01:00.0"));
	failed |= symlink("../etc/secret", helper_path(arena, "sys/out"));
	arena_free(arena);
	return failed ? -1 : root_open(helper_temp(), &root, NULL);
}

static int tree_free(void **state)
{
	root_close(root);
	return helper_temp_free(state);
}

static const char vfs[] = "/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs";

static struct plan *new_plan(void)
{
	struct goal *goal = goal_new();
	struct plan *plan = plan_new(goal, "pve2");
	goal_free(goal);
	return plan;
}

static struct change *add_command(struct plan *plan, const char *name)
{
	const char *const argv[] = {name, NULL};
	return plan_add_command(plan, argv, "boot.loader", "the same again");
}

static void add_module(struct plan *plan)
{
	const char *text = NULL;
	assert_int_equal(plan_draft(plan, root, "/etc/modules", &text, NULL), 0);
	assert_string_equal(text, "loop\n");
	plan_set_draft(plan, "/etc/modules", "loop\nvfio\n", "vfio.modules", NULL);
}

static void set_vfs(struct plan *plan, const char *value)
{
	assert_int_equal(plan_add_sysfs(plan, root, vfs, value, "gpu.sriov", NULL, NULL, NULL), 0);
}

static const char *titles(struct arena *arena, const struct list *changes)
{
	struct strings list = {0};
	for (size_t i = 0; i < changes->n; i++)
		strings_add(arena, &list, change_title(arena, changes->item[i]));
	return strings_join(arena, &list, ", ");
}

static void changes_stand_in_their_order(void **state)
{
	struct plan *plan = new_plan();
	(void)plan_add_api_call(plan, STAGE_START, 106, "verify.vm-started");
	(void)plan_add_api_call(plan, STAGE_STOP, 106, "vm.running");
	set_vfs(plan, "4");
	(void)add_command(plan, "boot-entries");
	add_command(plan, "images")->makes_images = true;
	(void)add_command(plan, "boot-entries");
	add_module(plan);
	plan_finish(plan);
	assert_string_equal(titles(*state, &plan->changes),
			"~ /etc/modules, $ images, $ boot-entries, "
			"= /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs 4, > POST 106 shutdown, "
			"> POST 106 start");
	assert_string_equal(plan_totals_text(*state, &plan->changes),
			"1 file, 2 commands, 1 sysfs value, 2 API calls");
	assert_int_equal(((struct change *)plan->changes.item[5])->n, 6);
	plan_free(plan);
}

static void what_follows_a_reboot_is_a_forecast(void **state)
{
	struct plan *plan = new_plan();
	plan_add_reboot(plan, "boot.iommu-active", "stops the running VM 106");
	(void)plan_add_api_call(plan, STAGE_START, 106, "verify.vm-started");
	set_vfs(plan, "4");
	add_module(plan);
	plan_finish(plan);
	assert_string_equal(titles(*state, &plan->changes), "~ /etc/modules, ! reboot");
	assert_string_equal(titles(*state, &plan->forecast),
			"= /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs 4, > POST 106 start");
	char *id = arena_strdup(*state, plan->id);
	plan_free(plan);
	plan = new_plan();
	plan_add_reboot(plan, "boot.iommu-active", "stops the running VM 106");
	add_module(plan);
	plan_finish(plan);
	assert_string_equal(plan->id, id);
	plan_free(plan);
}

static void what_is_so_already_is_no_change(void **state)
{
	(void)state;
	struct plan *plan = new_plan();
	set_vfs(plan, "0");
	assert_int_equal(plan_add_sysfs(plan, root, "/sys/kernel/mm/enabled", "madvise", "x.y",
					 NULL, NULL, NULL),
			0);
	add_module(plan);
	plan_set_draft(plan, "/etc/modules", "loop\n", "vfio.modules", NULL);
	plan_finish(plan);
	assert_true(plan->nothing_to_do);
	plan_free(plan);
}

static void only_sysfs_is_written_as_sysfs(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		int status;
	} bad[] = {
			{"/etc/modules", ERROR_REFUSED},
			{"/sys/out", ERROR_REFUSED},
			{"/sys/../etc/modules", ERROR_REFUSED},
			{"/sys/bus/pci/devices/0000:01:00.0", ERROR_NOT_HOST},
			{"/sys/none", ERROR_NOT_HOST},
	};
	struct plan *plan = new_plan();
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(plan_add_sysfs(plan, root, bad[i].path, "1", "x.y", NULL, NULL,
						 NULL),
				bad[i].status);
	plan_finish(plan);
	assert_true(plan->nothing_to_do);
	plan_free(plan);
}

static void the_present_value_is_shown(void **state)
{
	struct plan *plan = new_plan();
	set_vfs(plan, "2");
	set_vfs(plan, "4");
	plan_finish(plan);
	assert_int_equal(plan->changes.n, 1);
	const char *text = plan_text(*state, plan);
	assert_non_null(strstr(text, "writes: 4\n"));
	assert_non_null(strstr(text, "now: 0\n"));
	assert_non_null(strstr(text, "because: gpu.sriov\n"));
	json_t *json = plan_to_json(plan);
	const json_t *change = json_array_get(json_object_get(json, "changes"), 0);
	static const char *const members[][2] = {
			{"kind", "sysfs"}, {"path", vfs}, {"value", "4"}, {"before_value", "0"}};
	for (size_t i = 0; i < COUNT(members); i++)
		assert_string_equal(json_string_value(json_object_get(change, members[i][0])),
				members[i][1]);
	json_decref(json);
	plan_free(plan);
}

/* One of each kind there is. */
static struct plan *whole_plan(void)
{
	struct plan *plan = new_plan();
	struct change *command = add_command(plan, "boot-entries");
	command->entries_in = arena_strdup(plan->arena, "/boot/grub/grub.cfg");
	add_module(plan);
	set_vfs(plan, "4");
	(void)plan_add_api_call(plan, STAGE_STOP, 106, "vm.running");
	plan_add_api(plan, STAGE_ATTACH, 106, "d1", "hostpci0", "0000:01:00.0", NULL, "attach.x");
	plan_finish(plan);
	return plan;
}

static void a_plan_that_is_read_is_the_same(void **state)
{
	struct plan *plan = whole_plan();
	json_t *json = plan_to_json(plan);
	struct plan *again = NULL;
	assert_int_equal(plan_from_json(json, &again, NULL), 0);
	assert_string_equal(again->id, plan->id);
	assert_string_equal(plan_text(*state, again), plan_text(*state, plan));
	plan_free(again);
	plan_free(plan);
	json_decref(json);
}

/* Each member that says what will be done: another value of it is another plan. */
static void the_id_covers_what_is_done(void **state)
{
	(void)state;
	static const struct {
		int at;
		const char *object, *name, *value;
	} edits[] = {
			{0, NULL, "path", "/etc/modules2"},
			{0, NULL, "after", "loop\nother\n"},
			{1, "expect", "entries_in", "/boot/other"},
			{2, NULL, "path", "/sys/other"},
			{2, NULL, "value", "8"},
			{2, NULL, "before_value", "1"},
			{3, NULL, "path", "/nodes/pve2/qemu/106/status/stop"},
			{4, NULL, "digest", "d2"},
			{4, "params", "hostpci0", "0000:02:00.0"},
	};
	struct plan *plan = whole_plan();
	for (size_t i = 0; i < COUNT(edits); i++) {
		json_t *json = plan_to_json(plan);
		json_t *object = json_array_get(
				json_object_get(json, "changes"), (size_t)edits[i].at);
		if (edits[i].object)
			object = json_object_get(object, edits[i].object);
		assert_int_equal(json_object_set_new(object, edits[i].name,
						 json_string(edits[i].value)),
				0);
		struct plan *edited = NULL;
		assert_int_equal(plan_from_json(json, &edited, NULL), ERROR_PARSE);
		json_decref(json);
	}
	plan_free(plan);
}

static void an_unknown_kind_is_not_understood(void **state)
{
	(void)state;
	struct plan *plan = whole_plan();
	json_t *json = plan_to_json(plan);
	json_t *change = json_array_get(json_object_get(json, "changes"), 0);
	struct plan *read = NULL;
	(void)json_object_set_new(change, "kind", json_string("magic"));
	assert_int_equal(plan_from_json(json, &read, NULL), ERROR_PARSE);
	json_decref(json);
	plan_free(plan);
}

static void each_kind_has_its_functions(void **state)
{
	(void)state;
	for (const struct change_kind *const *kind = change_kinds; *kind; kind++) {
		assert_true((*kind)->name && (*kind)->one && (*kind)->many);
		assert_true((*kind)->title && (*kind)->detail && (*kind)->hash);
		assert_true((*kind)->to_json && (*kind)->from_json && (*kind)->apply);
		assert_true(((*kind)->undo == NULL) == ((*kind)->undo_order == UNDO_NEVER));
		/* Believed is only what ends the plan: what comes after it looks at the host anew.
		 */
		assert_true((*kind)->seen_to_have_worked || (*kind)->ends_plan);
		for (const struct change_kind *const *other = change_kinds; other < kind; other++)
			assert_string_not_equal((*kind)->name, (*other)->name);
	}
}

static const char *consequences(struct arena *arena, const struct plan *plan)
{
	struct strings list = {0};
	for (size_t i = 0; i < plan->consequences.n; i++) {
		const struct consequence *one = plan->consequences.item[i];
		strings_add(arena, &list,
				arena_printf(arena, "%s %s", consequence_names[one->kind],
						one->subject));
	}
	return strings_join(arena, &list, ", ");
}

static void the_weightiest_is_said_first(void **state)
{
	struct plan *plan = new_plan();
	const char *text = NULL;
	plan_accept(plan, "gpu.boot-vga", "0000:01:00.0", "The console goes dark.");
	plan_accept(plan, "gpu.group-isolated", "group/1", "It shares its group.");
	plan_accept(plan, "attach.mapping", "mapping/a", "It may be another card.");
	(void)plan_add_api_call(plan, STAGE_STOP, 106, "vm.running");
	(void)plan_add_api_call(plan, STAGE_STOP, 107, "vm.running");
	(void)plan_add_api_call(plan, STAGE_START, 106, "verify.vm-started");
	plan_add_api(plan, STAGE_SETTINGS, 108, "d", "balloon", "0", NULL, "vm.balloon");
	plan_let_wait(plan, 108);
	assert_int_equal(plan_draft(plan, root, "/etc/modprobe.d/a.conf", &text, NULL), 0);
	plan_set_draft(plan, "/etc/modprobe.d/a.conf",
			"options vfio_iommu_type1 allow_unsafe_interrupts=1\n",
			"vfio.unsafe-interrupts", NULL);
	plan_finish(plan);
	assert_string_equal(consequences(*state, plan),
			"stops vm/106, stays-stopped vm/107, risk mapping/a, isolation host, "
			"isolation group/1, console 0000:01:00.0, later vm/108");
	const char *page = plan_text(*state, plan);
	assert_true(strstr(page, "VM 107 is shut down and stays stopped.") < strstr(page, "[1] "));
	plan_free(plan);
}

static void a_reboot_is_said_before_all_else(void **state)
{
	struct plan *plan = new_plan();
	plan_accept(plan, "gpu.only-gpu", "0000:01:00.0", "No console is left.");
	(void)plan_add_api_call(plan, STAGE_STOP, 106, "vm.running");
	plan_add_reboot(plan, "boot.iommu-active", "stops the running VM 106 web");
	plan_finish(plan);
	assert_string_equal(consequences(*state, plan),
			"reboot host, stays-stopped vm/106, console 0000:01:00.0, later host");
	json_t *json = plan_to_json(plan);
	const json_t *first = json_array_get(json_object_get(json, "consequences"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "kind")), "reboot");
	assert_string_equal(json_string_value(json_object_get(first, "text")),
			"The host reboots: stops the running VM 106 web.");
	json_decref(json);
	plan_free(plan);
}

static void an_empty_plan_has_none(void **state)
{
	(void)state;
	struct plan *plan = new_plan();
	plan_finish(plan);
	assert_int_equal(plan->consequences.n, 0);
	assert_string_equal(plan_totals_text(*state, &plan->changes), "nothing");
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(changes_stand_in_their_order),
			TEST(what_follows_a_reboot_is_a_forecast),
			TEST(what_is_so_already_is_no_change),
			TEST(only_sysfs_is_written_as_sysfs),
			TEST(the_present_value_is_shown),
			TEST(a_plan_that_is_read_is_the_same),
			TEST(the_id_covers_what_is_done),
			TEST(an_unknown_kind_is_not_understood),
			TEST(each_kind_has_its_functions),
			TEST(the_weightiest_is_said_first),
			TEST(a_reboot_is_said_before_all_else),
			TEST(an_empty_plan_has_none),
	};
	return cmocka_run_group_tests(tests, tree_new, tree_free);
}
