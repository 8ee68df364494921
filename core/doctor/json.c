/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/base/json.h"

#include "pvegpu/doctor/doctor.h"

static json_t *strings_or_null(const char *text)
{
	return text ? json_text(text) : json_null();
}

static void append(json_t *array, json_t *value)
{
	(void)json_array_append_new(array, value);
}

static void set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static json_t *sources_json(const struct scan *scan)
{
	json_t *array = json_array();
	for (size_t i = 0; i < scan->sources.n; i++) {
		const struct log_source *source = scan->sources.item[i];
		json_t *object = json_object();
		set(object, "name", json_text(source->name));
		set(object, "bytes", json_integer((json_int_t)source->bytes));
		set(object, "lines", json_integer((json_int_t)source->lines));
		set(object, "not_read", strings_or_null(source->not_read));
		append(array, object);
	}
	return array;
}

json_t *doctor_match_to_json(const struct match *match)
{
	const struct symptom *symptom = match->symptom;
	json_t *object = json_object();
	set(object, "symptom", json_string(symptom->id));
	set(object, "severity", json_string(severity_names[symptom->severity]));
	set(object, "where", json_string(where_names[symptom->where]));
	set(object, "source", json_text(match->source->name));
	set(object, "line", json_integer((json_int_t)match->line));
	set(object, "text", json_text(match->text));
	set(object, "count", json_integer((json_int_t)match->count));
	set(object, "cause", json_string(symptom->cause));
	return object;
}

static json_t *fixes_json(const struct list *fixes)
{
	json_t *array = json_array();
	for (size_t i = 0; i < fixes->n; i++) {
		const struct doctor_fix *fix = fixes->item[i];
		json_t *object = json_object();
		set(object, "text", json_text(fix->text));
		set(object, "automatic", json_boolean(fix->automatic));
		set(object, "check", strings_or_null(fix->check));
		append(array, object);
	}
	return array;
}

static json_t *findings_json(const struct list *findings, bool status)
{
	json_t *array = json_array();
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *finding = findings->item[i];
		json_t *object = json_object();
		set(object, "check", json_string(finding->check->id));
		if (status)
			set(object, "status", json_string(status_names[finding->status]));
		set(object, "subject", json_text(finding->subject));
		set(object, "detail", json_text(finding->detail));
		append(array, object);
	}
	return array;
}

static json_t *case_json(const struct doctor_case *found)
{
	const struct symptom *symptom = found->match->symptom;
	json_t *object = doctor_match_to_json(found->match);
	json_t *evidence = json_array();
	for (size_t i = 0; i < found->evidence.n; i++) {
		const struct evidence *entry = found->evidence.item[i];
		json_t *pair = json_object();
		set(pair, "source", json_text(entry->source));
		set(pair, "text", json_text(entry->text));
		append(evidence, pair);
	}
	json_t *last = json_object();
	set(last, "source", json_text(found->match->last_source->name));
	set(last, "line", json_integer((json_int_t)found->match->last_line));
	set(last, "text", json_text(found->match->last_text));
	set(object, "last", last);
	set(object, "fix", fixes_json(&found->fixes));
	set(object, "evidence", evidence);
	set(object, "ruled_out", findings_json(&found->ruled_out, false));
	set(object, "unknown", findings_json(&found->unknown, false));
	set(object, "confirm", strings_or_null(symptom->confirm));
	set(object, "over", strings_or_null(found->over));
	return object;
}

static json_t *kind_json(const struct doctor_kind *kind)
{
	json_t *object = json_object();
	json_t *steps = json_array();
	json_t *matches = json_array();
	for (size_t i = 0; kind->chosen && i < SYMPTOM_STEPS && kind->kind->steps[i]; i++)
		append(steps, json_string(kind->kind->steps[i]));
	for (size_t i = 0; i < kind->cases.n; i++) {
		const struct doctor_case *found = kind->cases.item[i];
		append(matches, json_string(found->match->symptom->id));
	}
	set(object, "kind", json_string(kind->kind->id));
	set(object, "title", json_string(kind->kind->title));
	set(object, "chosen", json_boolean(kind->chosen));
	set(object, "checks", findings_json(&kind->findings, true));
	set(object, "steps", steps);
	set(object, "matches", matches);
	return object;
}

static json_t *holder_json(const struct card_holder *holder)
{
	json_t *object = json_object();
	set(object, "what", json_text(holder->what));
	set(object, "how", json_text(holder->how));
	set(object, "running",
			holder->running == KNOWN_UNKNOWN
					? json_null()
					: json_boolean(holder->running == KNOWN_YES));
	set(object, "boot_order", holder->order < 0 ? json_null() : json_integer(holder->order));
	return object;
}

json_t *doctor_to_json(const struct diagnosis *diagnosis)
{
	json_t *root = json_object();
	json_t *matches = json_array();
	json_t *kinds = json_array();
	json_t *holders = json_array();
	for (size_t i = 0; i < diagnosis->cases.n; i++)
		append(matches, case_json(diagnosis->cases.item[i]));
	for (size_t i = 0; i < diagnosis->kinds.n; i++)
		append(kinds, kind_json(diagnosis->kinds.item[i]));
	for (size_t i = 0; i < diagnosis->holders.n; i++)
		append(holders, holder_json(diagnosis->holders.item[i]));
	set(root, "schema", json_string("pvegpu.doctor/1"));
	set(root, "tool", json_pack("{s:s, s:s}", "name", "pvegpu", "version", PVEGPU_VERSION));
	set(root, "sources", sources_json(diagnosis->scan));
	set(root, "matches", matches);
	set(root, "kinds", kinds);
	set(root, "holders", holders);
	set(root, "holders_unknown", strings_or_null(diagnosis->holders_unknown));
	return root;
}

json_t *doctor_list_to_json(void)
{
	json_t *kinds = json_array();
	json_t *symptoms = json_array();
	for (const struct symptom_kind *kind = symptom_kinds; kind->id; kind++)
		append(kinds, json_pack("{s:s, s:s}", "kind", kind->id, "title", kind->title));
	for (size_t i = 0; i < symptom_count(); i++) {
		const struct symptom *row = symptom_at(i);
		json_t *of = json_array();
		for (const struct symptom_kind *kind = symptom_kinds; kind->id; kind++)
			if (row->kinds & kind->bit)
				append(of, json_string(kind->id));
		append(symptoms, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "symptom",
						 row->id, "severity", severity_names[row->severity],
						 "where", where_names[row->where], "literal",
						 row->literal, "pattern", row->pattern, "cause",
						 row->cause, "kinds", of));
	}
	return json_pack("{s:s, s:o, s:o}", "schema", "pvegpu.doctor-list/1", "kinds", kinds,
			"symptoms", symptoms);
}
