/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/pvesim/calls.h"

/* The sections of a file of /etc/pve/ha as a list; each gets its name as `id`. */
static json_t *sections_of(struct call *call, const char *path, const char *id)
{
	char *text = state_read(call->sim, call->arena, path);
	json_t *list = json_array();
	json_t *item = NULL;
	struct strings lines;
	perl_split(call->arena, text ? text : "", '\n', &lines);
	for (size_t i = 0; i < lines.n; i++) {
		struct rx rx;
		if (rx_match(call->arena, "^([a-z-]+): (\\S+)$", RX_BYTES, lines.item[i], &rx)) {
			item = json_pack("{s:s,s:s}", id, rx.group[2], "type", rx.group[1]);
			json_array_append_new(list, item);
		} else if (item && rx_match(call->arena, "^\\t(\\S+) (.*)$", RX_BYTES,
						   lines.item[i], &rx)) {
			bool number = strcmp(rx.group[2], "0") == 0 ||
				      strcmp(rx.group[2], "1") == 0;
			json_object_set_new(item, rx.group[1],
					number ? json_integer(*rx.group[2] == '1')
					       : json_string(rx.group[2]));
		}
	}
	return list;
}

static int get_ha_groups(struct call *call)
{
	if (pve_has(call, "9.0"))
		return die(call, "cannot index groups: ha groups have been migrated to rules");
	call->result = sections_of(call, "ha/groups.cfg", "group");
	return 0;
}

static int get_ha_rules(struct call *call)
{
	call->result = sections_of(call, "ha/rules.cfg", "rule");
	return 0;
}

int ha_request(struct call *call, const char *vmid, const char *state)
{
	char *text = state_read(call->sim, call->arena, "ha/resources.cfg");
	char *pattern = arena_printf(call->arena, "(?ms)^vm: %s$(?:\\n\\t[^\\n]*)*", vmid);
	size_t from = 0;
	size_t to = 0;
	if (strcmp(state, "disabled") == 0)
		json_object_del(call->sim->ha_errors, vmid);
	if (!has_quorum(call->sim))
		return die(call, "cfs-lock 'domain-ha' error: no quorum!");
	if (!text || !rx_find(pattern, RX_BYTES, text, 0, &from, &to))
		return die(call, "service 'vm:%s' not managed by HA", vmid);
	struct text section = {0};
	struct strings lines;
	perl_split(call->arena, arena_strndup(call->arena, text + from, to - from), '\n', &lines);
	for (size_t i = 0; i < lines.n; i++)
		if (!rx_test("^\\tstate\\b", lines.item[i]))
			text_addf(&section, "%s%s", i ? "\n" : "", lines.item[i]);
	text_addf(&section, "\n\tstate %s", state);
	char *changed = arena_printf(
			call->arena, "%.*s%s%s", (int)from, text, text_string(&section), text + to);
	text_free(&section);
	return state_write(call, "ha/resources.cfg", changed);
}

static int put_ha_resource(struct call *call)
{
	const char *sid = param_get(call, "sid");
	const char *state = param_get(call, "state");
	return state ? ha_request(call, text_starts(sid, "vm:") ? sid + 3 : sid, state) : 0;
}

/* clang-format off */
static const struct schema ha_resource[] = {
	{.name = "sid", .type = 's', .needed = true},
	{.name = "state", .type = 's', .words = "started|stopped|enabled|disabled|ignored"},
	{0}
};

const struct method ha_methods[] = {
	{"GET", "/cluster/ha/groups", "/ Sys.Audit", NULL, NULL, get_ha_groups},
	{"GET", "/cluster/ha/rules", "/ Sys.Audit", NULL, NULL, get_ha_rules, "9.0"},
	{"PUT", "/cluster/ha/resources/{sid}", "/ Sys.Console", ha_resource, NULL, put_ha_resource, .daemon = true},
	{0}
};
/* clang-format on */
