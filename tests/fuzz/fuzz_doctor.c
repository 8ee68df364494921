/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "pvegpu/base/text.h"
#include "pvegpu/doctor/doctor.h"

/*
 * Any bytes as a log: read whole and in pieces (their size is the first byte) they give the same
 * matches; each match is that of its line alone; its text is short and printable; what the line
 * names is an address as the kernel writes it.
 */
struct seen {
	struct matcher *matcher;
	uint64_t hits, sum;
};

static void count_hit(void *user, const struct symptom *symptom, uint64_t line, const char *text,
		size_t n)
{
	struct seen *seen = user;
	CHECK(n <= MATCHER_LINE_MAX);
	CHECK(memchr(text, '\n', n) == NULL);
	seen->hits++;
	seen->sum = seen->sum * 31 + line * 7 + (uint64_t)(uintptr_t)symptom + n;
}

static struct seen feed(struct matcher *matcher, const char *bytes, size_t size, size_t piece)
{
	struct seen seen = {.matcher = matcher};
	struct matcher_stream stream = {.hit = count_hit, .user = &seen};
	for (size_t at = 0; at < size; at += piece)
		matcher_feed(matcher, &stream, bytes + at, size - at < piece ? size - at : piece);
	matcher_finish(matcher, &stream);
	CHECK(stream.bytes == size);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct matcher *matcher;
	if (!matcher)
		matcher = symptoms_matcher();
	if (size < 1)
		return 0;
	const char *bytes = (const char *)data + 1;
	struct seen whole = feed(matcher, bytes, size - 1, size);
	struct seen pieces = feed(matcher, bytes, size - 1, 1 + data[0] % 64);
	CHECK(whole.hits == pieces.hits && whole.sum == pieces.sum);

	struct scan *scan = symptoms_scan(NULL);
	scan_text(scan, "fuzz", bytes, size - 1);
	scan_sort(scan);
	uint64_t count = 0;
	for (size_t i = 0; i < scan->matches.n; i++) {
		const struct match *match = scan->matches.item[i];
		count += match->count;
		CHECK(strlen(match->text) < MATCH_TEXT && strlen(match->last_text) < MATCH_TEXT);
		CHECK(text_is_utf8(match->text, strlen(match->text)));
	}
	CHECK(count == whole.hits);
	struct diagnosis *diagnosis = doctor_diagnose(scan, NULL, NULL, NULL);
	json_t *json = doctor_to_json(diagnosis);
	CHECK(json != NULL);
	json_decref(json);
	CHECK(doctor_text(diagnosis->arena, diagnosis) != NULL);
	diagnosis_free(diagnosis);
	scan_free(scan);

	char *text = fuzz_text(data, size);
	struct named named = named_in(text);
	struct pci_address address;
	bool slot = false;
	CHECK(!named.device[0] || pci_address_parse(named.device, &address, &slot));
	CHECK(named.group >= -1);
	free(text);
	return 0;
}
