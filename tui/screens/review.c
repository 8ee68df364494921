/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "pvegpu/base/text.h"
#include "tui/wizard.h"

/*
 * The review: every change on the left, the focused one in full on the right, and a typed yes.
 * Nothing on this screen writes; only apply_show() does, after the yes.
 */
enum { LIST_COLUMNS = 31 };

struct item {
	const char *title;
	const char *detail;
	bool heading;
	bool forecast;
	const struct refusal *refusal;
};

struct review {
	struct wizard *wizard;
	struct arena *arena;
	struct list items; /* of struct item */
	int focus;
	int scroll;
	char typed[8];
	const char *message;
};

static void add_item(struct review *review, const char *title, const char *detail, bool heading)
{
	struct item *item = arena_alloc(review->arena, sizeof *item);
	*item = (struct item){.title = title, .detail = detail, .heading = heading};
	list_add(review->arena, &review->items, item);
}

static void add_refusals(struct review *review)
{
	struct arena *arena = review->arena;
	const struct plan *plan = review->wizard->plan;
	for (size_t i = 0; i < plan->refusals.n; i++) {
		const struct refusal *refusal = plan->refusals.item[i];
		add_item(review, arena_printf(arena, "x %s", refusal->check),
				arena_printf(arena, "REFUSED on %s\n\n%s\n\n%s", refusal->subject,
						refusal->reason,
						refusal->acceptable
								? "Press a to accept this risk by typing its address."
								: "This cannot be accepted: it would harm the host or not work. Choose another GPU, VM or setting."),
				false);
		((struct item *)review->items.item[review->items.n - 1])->refusal = refusal;
	}
}

/* What was accepted stays in sight until the yes, and is part of what it is given to. */
static void add_accepted(struct review *review)
{
	struct arena *arena = review->arena;
	const struct plan *plan = review->wizard->plan;
	for (size_t i = 0; review->items.n && i < plan->accepted.n; i++) {
		const struct refusal *risk = plan->accepted.item[i];
		add_item(review, arena_printf(arena, "! accepted %s", risk->check),
				arena_printf(arena, "ACCEPTED on %s\n\n%s", risk->subject,
						risk->reason),
				false);
	}
}

static void add_changes(struct review *review, const struct list *changes, bool forecast)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = changes->item[i];
		add_item(review, change_title(review->arena, change),
				change_detail(review->arena, change), false);
		((struct item *)review->items.item[review->items.n - 1])->forecast = forecast;
	}
}

static void fill(struct review *review)
{
	const struct plan *plan = review->wizard->plan;
	review->items = (struct list){0};
	add_refusals(review);
	add_changes(review, &plan->changes, false);
	if (plan->forecast.n)
		add_item(review, "forecast after the reboot", "", true);
	add_changes(review, &plan->forecast, true);
	add_accepted(review);
}

static enum role title_role(const struct item *item)
{
	if (item->refusal)
		return ROLE_FAIL;
	if (item->forecast || item->heading)
		return ROLE_DIM;
	return item->title[0] == '+' ? ROLE_ADD : item->title[0] == '~' ? ROLE_CHANGE : ROLE_PLAIN;
}

static void draw_list(const struct review *review, struct area area)
{
	int top = review->focus >= area.lines ? review->focus - area.lines + 1 : 0;
	for (int i = 0; i < area.lines && top + i < (int)review->items.n; i++) {
		const struct item *item = review->items.item[top + i];
		bool focused = top + i == review->focus;
		int y = area.y + i;
		(void)draw_text(y, area.x, 2, ROLE_KEY, focused ? "> " : "  ");
		(void)draw_text(y, area.x + 2, area.columns - 3,
				focused ? ROLE_FOCUS : title_role(item), item->title);
	}
}

static int draw_detail(const struct review *review, struct area area)
{
	const struct item *item = review->items.item[review->focus];
	struct strings lines = wrap_lines(review->arena, item->detail, area.columns - 1);
	bool diff = text_starts(item->detail, "---");
	for (int i = 0; i < area.lines && review->scroll + i < (int)lines.n; i++) {
		const char *line = lines.item[review->scroll + i];
		diff = diff && *line; /* what follows the blank line is no diff any more */
		(void)draw_text(area.y + i, area.x, area.columns - 1,
				text_starts(item->detail, "---") ? diff_role(line) : ROLE_PLAIN,
				line);
	}
	return (int)lines.n - area.lines;
}

static const char *headline(const struct review *review)
{
	const struct plan *plan = review->wizard->plan;
	struct arena *arena = review->arena;
	char *text = arena_printf(
			arena, "pvegpu  Review: %s", plan_totals_text(arena, &plan->changes));
	if (plan->forecast.n)
		text = arena_printf(arena, "%s; then, after it, %s", text,
				plan_totals_text(arena, &plan->forecast));
	return text;
}

/* The line that asks for yes; the reboot is asked for by itself later, unless it is all there is.
 */
static char *question(const struct review *review)
{
	const struct plan *plan = review->wizard->plan;
	size_t n = plan->changes.n - plan_count_reboots(&plan->changes);
	if (!n)
		return arena_printf(review->arena, "Type yes to reboot: %s_", review->typed);
	return arena_printf(review->arena, "Type yes to make the %zu %s: %s_", n,
			text_plural(n, "change", "changes"), review->typed);
}

static const char *review_hint(const struct review *review)
{
	const struct plan *plan = review->wizard->plan;
	if (review->message)
		return review->message;
	if (plan->refusals.n)
		return "Refused as it stands; the x lines say why. Nothing has been changed.";
	size_t reboots = plan_count_reboots(&plan->changes);
	return reboots && reboots == plan->changes.n ? "All else is done."
						     : "Nothing has been changed yet.";
}

/* The hint on the left and the question on the right, or below it where it is narrow. */
static void draw_bottom(const struct review *review, const struct layout *layout)
{
	static const struct key keys[] = {{'b', "b", "back"}, {KEY_DOWN, "Up/Down", "change"},
			{KEY_NPAGE, "PgDn/PgUp", "scroll"}, {0}};
	static const struct key refused_keys[] = {{'a', "a", "accept the risk"}, {'b', "b", "back"},
			{KEY_DOWN, "Up/Down", "change"}, {KEY_NPAGE, "PgDn", "scroll"}, {0}};
	const struct plan *plan = review->wizard->plan;
	struct area hints = layout->hint;
	if (!plan->refusals.n && plan->changes.n) {
		const char *ask = question(review);
		int n = (int)strlen(ask);
		bool beside = hints.columns > n + 32;
		(void)draw_text(hints.y + (beside ? 0 : hints.lines - 1), hints.columns - n - 1, n,
				ROLE_KEY, ask);
		if (beside)
			hints.columns -= n + 2;
		else if (hints.lines == 1)
			hints.columns = 0;
		hints.lines = 1;
	}
	if (hints.columns > 0)
		draw_wrapped(hints, plan->refusals.n ? ROLE_FAIL : ROLE_PLAIN, review_hint(review));
	bool acceptable = false;
	for (size_t i = 0; i < plan->refusals.n; i++)
		acceptable = acceptable || ((struct refusal *)plan->refusals.item[i])->acceptable;
	draw_keys(layout->keys, acceptable ? refused_keys : keys, 0);
}

/* Each consequence in lines as wide as the screen. */
static struct strings consequence_lines(const struct review *review)
{
	const struct list *all = &review->wizard->plan->consequences;
	struct strings lines = {0};
	for (size_t i = 0; i < all->n; i++) {
		const struct consequence *one = all->item[i];
		struct strings wrapped = wrap_lines(review->arena, one->text, COLS - 3);
		for (size_t l = 0; l < wrapped.n; l++)
			strings_add(review->arena, &lines,
					arena_printf(review->arena, "%s%s", l ? "" : "! ",
							(char *)wrapped.item[l]));
	}
	return lines;
}

/* What a person must know first, above all else where there is room. Returns how many lines it
 * took. */
static int draw_consequences(const struct review *review, struct area area)
{
	enum { MOST = 4, LEFT_FOR_CHANGES = 9 };
	struct strings lines = consequence_lines(review);
	int n = (int)lines.n < MOST ? (int)lines.n : MOST;
	if (!n || area.lines < LEFT_FOR_CHANGES + n + 1)
		return 0;
	for (int i = 0; i < n; i++) {
		bool cut = i == MOST - 1 && lines.n > MOST;
		(void)draw_text(area.y + i, 0, COLS - 1, ROLE_WARN,
				cut ? "  ... all of it stands at the top of 'pvegpu plan'"
				    : lines.item[i]);
	}
	draw_rule(area.y + n, COLS);
	return n + 1;
}

/* Returns how far the detail can be scrolled. */
static int draw_review(struct review *review)
{
	struct layout layout = layout_make(LINES, COLS, LIST_COLUMNS);
	if (layout.too_small) {
		draw_too_small();
		return 0;
	}
	(void)erase();
	(void)draw_text(0, 0, COLS, ROLE_TITLE, headline(review));
	draw_rule(layout.rule_top, COLS);
	int more = 0;
	int told = draw_consequences(review, layout.body);
	struct area list = layout.side;
	struct area detail = layout.body;
	list.y += told;
	list.lines -= told;
	detail.y += told;
	detail.lines -= told;
	if (!layout.side_shown) { /* narrow: the list above, the detail below */
		list = detail;
		list.lines = list.lines / 3 > 2 ? list.lines / 3 : 2;
		detail.y += list.lines;
		detail.lines -= list.lines;
	}
	if (review->items.n) {
		draw_list(review, list);
		more = draw_detail(review, detail);
	}
	draw_rule(layout.rule_bottom, COLS);
	if (more > review->scroll)
		(void)draw_text(layout.rule_bottom, COLS - 21, 21, ROLE_DIM,
				" PgDn shows the rest ");
	draw_bottom(review, &layout);
	(void)refresh();
	return more > 0 ? more : 0;
}

static void redraw(void *user)
{
	(void)draw_review(user);
}

/* Accept the focused (or first) risk by typing its subject. */
static int accept_risk(struct review *review)
{
	const struct plan *plan = review->wizard->plan;
	const struct item *item = review->items.item[review->focus];
	if (!item->refusal) { /* the refusals are the first items: what is accepted is shown */
		review->focus = 0;
		review->scroll = 0;
		item = review->items.item[0];
	}
	const struct refusal *refusal = item->refusal ? item->refusal : plan->refusals.item[0];
	if (!refusal->acceptable) {
		review->message = "This one cannot be accepted: choose something else.";
		return 0;
	}
	char prompt[160];
	char typed[64];
	(void)snprintf(prompt, sizeof prompt, "To accept, type %s and Enter: ", refusal->subject);
	int key = ask_line(prompt, typed, sizeof typed, redraw, review);
	if (key == KEY_ENDED)
		return key;
	/* 02:00.0 will do for 0000:02:00.0. */
	const char *short_subject = text_starts(refusal->subject, "0000:") ? refusal->subject + 5
									   : refusal->subject;
	if (key == '\n' && (strcmp(typed, refusal->subject) == 0 ||
					   strcmp(typed, short_subject) == 0)) {
		goal_accept(review->wizard->goal, refusal->check, refusal->subject);
		wizard_judge(review->wizard);
		if (!review->wizard->plan)
			return 'b';
		review->focus = 0;
		fill(review);
		review->message = "Accepted.";
	} else {
		review->message = "Not accepted: that was not the address.";
	}
	return 0;
}

/* Letters of a typed yes; true when the key was one. */
static bool type_yes(struct review *review, int key)
{
	static const char yes[] = "yes";
	size_t n = strlen(review->typed);
	if (key == KEY_BACKSPACE || key == 127 || key == 8) {
		if (!n)
			return false;
		review->typed[n - 1] = '\0';
		return true;
	}
	if (n < 3 && key == yes[n] && !review->wizard->plan->refusals.n) {
		review->typed[n] = (char)key;
		review->typed[n + 1] = '\0';
		return true;
	}
	return false;
}

static void move_focus(struct review *review, int by)
{
	int n = (int)review->items.n;
	int to = review->focus + by;
	if (to >= 0 && to < n && ((const struct item *)review->items.item[to])->heading)
		to += by;
	if (to >= 0 && to < n)
		review->focus = to;
	review->scroll = 0;
}

static int review_key(struct review *review, int key, int more)
{
	int page = LINES > 12 ? LINES - 10 : 2;
	if (type_yes(review, key)) {
		review->message = NULL;
		return 0;
	}
	if (key == '\n') {
		if (strcmp(review->typed, "yes") == 0)
			return '\n';
		review->message = review->wizard->plan->refusals.n
						  ? "Refused as it stands: b goes back."
						  : "Type yes, then Enter.";
		review->typed[0] = '\0';
		return 0;
	}
	review->message = NULL;
	if (key != KEY_RESIZE && key != KEY_DOWN && key != KEY_UP && key != KEY_NPAGE &&
			key != KEY_PPAGE)
		review->typed[0] = '\0';
	if (key == KEY_DOWN || key == 'j')
		move_focus(review, 1);
	else if (key == KEY_UP || key == 'k')
		move_focus(review, -1);
	else if (key == KEY_NPAGE || key == ' ')
		review->scroll = review->scroll + page < more ? review->scroll + page : more;
	else if (key == KEY_PPAGE)
		review->scroll = review->scroll > page ? review->scroll - page : 0;
	else if (key == 'a' && review->wizard->plan->refusals.n)
		return accept_risk(review);
	else if (key == 'b' || key == 27 || key == 'q' || key == KEY_BACKSPACE || key == 127)
		return 'b';
	return 0;
}

/* Why the plan is empty: no more than that is known of the host here. */
static const char *nothing_text(const struct wizard *wizard)
{
	if (doctor_is_open(wizard))
		return "No fix is ticked, so nothing is planned.\n\nIn the doctor only what is ticked there "
		       "counts; the choices of the seven steps are kept meanwhile.";
	if (!parts_are_chosen(wizard->report))
		return "There is nothing to change so far.\n\nChoose a GPU in step 4 and a VM in step 5.";
	return "The host is as the choices ask: nothing is left to be changed.\n\nStep 7 shows "
	       "whether the GPU is with the VM, and how it runs.";
}

int review_show(struct wizard *wizard)
{
	if (!wizard->plan) {
		int key = show_text("The plan could not be made", wizard->plan_error.text);
		return key == KEY_ENDED ? key : 0;
	}
	struct review review = {.wizard = wizard, .arena = arena_new()};
	fill(&review);
	int key = 0;
	if (!review.items.n) {
		key = show_text("Nothing to do", nothing_text(wizard));
		if (key != KEY_ENDED && wizard->step == 5)
			wizard->step = 6;
	} else {
		while (key == 0) {
			int more = draw_review(&review);
			key = term_key(-1, true);
			if (key != KEY_ENDED)
				key = review_key(&review, key, more);
		}
	}
	arena_free(review.arena);
	if (key == '\n' && review.items.n && strcmp(review.typed, "yes") == 0) {
		struct consent consent = consent_given(wizard->plan->id);
		key = apply_show(wizard, &consent);
	}
	return key == KEY_ENDED ? key : 0;
}
