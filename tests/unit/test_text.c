/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts, lists and the arena that they live in; hashes. */
#include "tests/unit/helper.h"

#include "pvegpu/base/base64.h"
#include "pvegpu/base/hash.h"
#include "pvegpu/base/json.h"

static void grows(void **state)
{
	struct text text = {0};
	assert_string_equal(text_string(&text), "");
	text_add(&text, "a");
	text_addf(&text, "%d%s", 42, "");
	text_add_bytes(&text, "x\0y", 3);
	assert_int_equal(text.n, 6);
	assert_memory_equal(text_string(&text), "a42x\0y", 7);
	text_free(&text);
	assert_string_equal(text_string(&text), "");
	for (int i = 0; i < 10000; i++)
		text_addf(&text, "%d,", i % 10);
	assert_int_equal(text.n, 20000);
	char *taken = text_take(&text, *state);
	assert_int_equal(strlen(taken), 20000);
	assert_int_equal(text.n, 0);
	assert_string_equal(text_take(&text, *state), "");
}

static char *lines_of(struct arena *arena, const char *string)
{
	struct text text = {0};
	struct lines cursor = lines_start(string);
	struct line line;
	size_t full = 0;
	while (line_next(&cursor, &line)) {
		text_addf(&text, "<%.*s>", (int)line.n, line.start);
		full += line.full;
	}
	assert_int_equal(full, strlen(string));
	return text_take(&text, arena);
}

static void lines(void **state)
{
	assert_string_equal(lines_of(*state, ""), "");
	assert_string_equal(lines_of(*state, "\n"), "<>");
	assert_string_equal(lines_of(*state, "a"), "<a>");
	assert_string_equal(lines_of(*state, "a\n"), "<a>");
	assert_string_equal(lines_of(*state, "a\n\nb"), "<a><><b>");
	assert_string_equal(lines_of(*state, "a\r\n"), "<a\r>");
	struct lines none = lines_start(NULL);
	struct line line;
	assert_false(line_next(&none, &line));
	struct lines two = lines_start_n("a\nb\nc", 3);
	assert_true(line_next(&two, &line) && line.start[0] == 'a' && line.full == 2);
	assert_true(line_next(&two, &line) && line.start[0] == 'b' && line.n == 1);
	assert_true(line.full == 1 && !two.rest && !line_next(&two, &line));
}

static void trims(void **state)
{
	assert_string_equal(text_trim(*state, " \t a b\r\n ", 9), "a b");
	assert_string_equal(text_trim(*state, "   ", 3), "");
	assert_string_equal(text_trim(*state, "", 0), "");
	assert_string_equal(text_trim(*state, "abc", 2), "ab");
	assert_true(text_starts("abc", "ab"));
	assert_true(text_starts("abc", ""));
	assert_false(text_starts("ab", "abc"));
	assert_true(text_ends("x.cfg", ".cfg"));
	assert_true(text_ends("x", ""));
	assert_false(text_ends("cfg", ".cfg"));
	assert_string_equal(text_plural(1, "file", "files"), "file");
	assert_string_equal(text_plural(0, "file", "files"), "files");
	assert_string_equal(text_plural(2, "file", "files"), "files");
}

static void numbers(void **state)
{
	static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "x", "1x", "0x1", "g",
			"99999999999999999999999", "101"};
	unsigned long value = 7;
	(void)state;
	assert_true(text_to_ulong("0", 10, 100, &value));
	assert_int_equal(value, 0);
	assert_true(text_to_ulong("100", 10, 100, &value));
	assert_int_equal(value, 100);
	assert_true(text_to_ulong("fF", 16, 255, &value));
	assert_int_equal(value, 255);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (text_to_ulong(bad[i], 10, 100, &value))
			fail_msg("'%s' is no number to 100", bad[i]);
	assert_int_equal(value, 255);
	assert_false(text_to_ulong("0x1", 16, 255, &value));
	assert_false(text_to_ulong("a", 10, 255, &value));
}

static void printable(void **state)
{
	static const struct {
		const char *text;
		const char *shown;
	} rows[] = {
			{"plain text", "plain text"},
			{"r\xc3\xa9glages \xe2\x9c\x93 \xf0\x9f\x98\x80",
					"r\xc3\xa9glages \xe2\x9c\x93 \xf0\x9f\x98\x80"},
			{"\033[31mred\033[0m", "?[31mred?[0m"},
			{"a\tb\nc\rd\x7f", "a?b?c?d?"},
			{"\xff\xfe", "??"},
			{"\xc3", "?"},
			{"\xc3(", "?("},
			{"\xc0\xaf", "??"},
			{"\xed\xa0\x80", "???"},
			{"\xf5\x80\x80\x80", "????"},
			{"\xc2\x9b"
			 "31m",
					"??31m"},
			{"a\xe2\x80\xae"
			 "b",
					"a???b"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(text_printable(*state, rows[i].text), rows[i].shown);
	for (int c = 1; c < 256; c++) {
		char text[] = {'a', (char)c, 'b', '\0'};
		const char *shown = text_printable(*state, text);
		assert_true(text_is_utf8(shown, strlen(shown)));
		assert_true((unsigned char)shown[1] >= 0x20 && shown[1] != 0x7f);
	}
}

static void utf8(void **state)
{
	(void)state;
	assert_true(text_is_utf8("", 0));
	assert_true(text_is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
	assert_true(text_is_utf8("\xf4\x8f\xbf\xbf", 4));
	assert_false(text_is_utf8("\xf4\x90\x80\x80", 4));
	assert_false(text_is_utf8("\xc1\x81", 2));
	assert_false(text_is_utf8("\xe0\x9f\xbf", 3));
	assert_false(text_is_utf8("\xed\xa0\x80", 3));
	assert_false(text_is_utf8("\x80", 1));
	assert_false(text_is_utf8("\xe2\x82", 2));
}

static void wraps(void **state)
{
	struct text text = {0};
	text_add(&text, "Why: ");
	text_add_wrapped(&text, "one two three  four", 5, 2, 14);
	assert_string_equal(text_take(&text, *state), "Why: one two\n  three four\n");
	text_add_wrapped(&text, "", 0, 2, 20);
	assert_string_equal(text_take(&text, *state), "\n");
	text_add_wrapped(&text, "a\nb", 0, 1, 20);
	assert_string_equal(text_take(&text, *state), "a\n b\n");
	/* A word that is too long stands alone, whole. */
	text_add_wrapped(&text, "a verylongword b", 0, 0, 6);
	assert_string_equal(text_take(&text, *state), "a\nverylongword\nb\n");
}

/* What the quoting is for: sh gives back the word. */
static void quotes_for_a_shell(void **state)
{
	static const char *const words[] = {"plain", "a b", "", "it's", "$HOME", "`id`", "a\"b",
			"*", "~", "a;b", "\\", "'", "''", "a\nb", "0000:01:00,pcie=1", "#x", "-n",
			"!x", "r\xc3\xa9", "a&b|c<d>e(f)", "{a,b}", "k=v", "\t"};
	for (size_t i = 0; i < COUNT(words); i++) {
		char *script = arena_printf(
				*state, "printf '%%s.' %s", text_shell_quote(*state, words[i]));
		const char *const argv[] = {"/bin/sh", "-c", script, NULL};
		char *out = NULL;
		assert_int_equal(helper_run(*state, argv, &out), 0);
		assert_string_equal(out, arena_printf(*state, "%s.", words[i]));
	}
	assert_string_equal(text_shell_quote(*state, "update-grub"), "update-grub");
	assert_string_equal(text_shell_quote(*state, "/nodes/pve2"), "/nodes/pve2");
}

static void arena_memory(void **state)
{
	struct arena *arena = arena_new();
	(void)state;
	arena_free(NULL);
	/* Pieces of all sizes are zeroed, aligned and do not overlap. */
	unsigned char *pieces[300];
	for (size_t i = 0; i < COUNT(pieces); i++) {
		size_t size = i * i % 20011;
		pieces[i] = arena_alloc(arena, size);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		for (size_t b = 0; b < size; b++)
			assert_int_equal(pieces[i][b], 0);
		memset(pieces[i], (int)(i % 255) + 1, size);
	}
	for (size_t i = 0; i < COUNT(pieces); i++)
		for (size_t b = 0; b < i * i % 20011; b++)
			if (pieces[i][b] != i % 255 + 1)
				fail_msg("piece %zu was overwritten", i);
	assert_null(arena_strdup(arena, NULL));
	assert_string_equal(arena_strdup(arena, "a"), "a");
	assert_string_equal(arena_strndup(arena, "abc", 2), "ab");
	assert_string_equal(arena_strndup(arena, "a", 9), "a");
	assert_memory_equal(arena_memdup(arena, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_printf(arena, "%s-%d", "x", 7), "x-7");
	arena_free(arena);
}

static void lists(void **state)
{
	struct strings list = {0};
	struct list pointers = {0};
	char word[] = "word 0";
	assert_string_equal(strings_join(*state, &list, ", "), "");
	for (int i = 9; i >= 0; i--) {
		word[5] = (char)('0' + i);
		strings_add(*state, &list, word);
		list_add(*state, &pointers, list.item[list.n - 1]);
	}
	assert_int_equal(list.n, 10);
	assert_ptr_equal(pointers.item[9], list.item[9]);
	assert_true(strings_has(&list, "word 3"));
	assert_false(strings_has(&list, "word"));
	strings_sort(&list);
	assert_string_equal(list.item[0], "word 0");
	list.n = 3;
	assert_string_equal(strings_join(*state, &list, ", "), "word 0, word 1, word 2");
}

static void hashes(void **state)
{
	char sha256[SHA256_HEX];
	char sha1[SHA1_HEX];
	(void)state;
	hash_sha256("", 0, sha256);
	assert_string_equal(
			sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_sha256("abc", 3, sha256);
	assert_string_equal(
			sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_sha1("abc", 3, sha1);
	assert_string_equal(sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
	hash_sha1("a\0c", 3, sha1);
	assert_string_not_equal(sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

/* By the length's place in the last block: FIPS 180-4 ends a text with its length. */
static void hashes_of_any_length(void **state)
{
	static const struct {
		size_t n;
		const char *sha1, *sha256;
	} rows[] = {
			{55, "c1c8bbdc22796e28c0e15163d20899b65621d65a",
					"9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
			{56, "c2db330f6083854c99d4b5bfb6e8f29f201be699",
					"b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
			{63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5",
					"7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
			{64, "0098ba824b5c16427bd7a1122a5a442a25ec644d",
					"ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
			{119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56",
					"31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
			{1000, "291e9a6c66994949b57ba5e650361e98fc36b1ba",
					"41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"},
	};
	char bytes[1000];
	char hex[SHA256_HEX];
	(void)state;
	memset(bytes, 'a', sizeof bytes);
	for (size_t i = 0; i < COUNT(rows); i++) {
		hash_sha1(bytes, rows[i].n, hex);
		assert_string_equal(hex, rows[i].sha1);
		hash_sha256(bytes, rows[i].n, hex);
		assert_string_equal(hex, rows[i].sha256);
	}
}

/* RFC 4648, section 10, and bytes that no text has. */
static void base64(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
			{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfb", "//77"}};
	static const char *const none[] = {
			"Zg=", "Zg", "Z===", "Zg==Zg==", "Z g=", "Zm9-", "\xff\xff=="};
	size_t n = 0;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t size = strlen(rows[i].bytes);
		assert_string_equal(base64_encode(*state, rows[i].bytes, size), rows[i].text);
		assert_string_equal(base64_decode(*state, rows[i].text, &n), rows[i].bytes);
		assert_int_equal(n, size);
	}
	for (size_t i = 0; i < COUNT(none); i++)
		assert_null(base64_decode(*state, none[i], &n));
}

static void json_strings(void **state)
{
	static const struct {
		const char *string, *shown;
	} rows[] = {
			{"a b~", "a b~"},
			{"\"\\/\b\f\n\r\t", "\\\"\\\\/\\b\\f\\n\\r\\t"},
			{"\x01\x1f", "\\u0001\\u001F"},
			{"\xc3\xa4 \xe2\x80\x93", "\xc3\xa4 \xe2\x80\x93"},
			{"\x7f\xc2\x9b", "\\u007f\\u009b"},
			{"\xe2\x80\xae\xef\xbb\xbf", "\\u202e\\ufeff"},
			{"\xf3\xa0\x81\x81", "\\udb40\\udc41"},
			{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
			{"\xff", "\\ufffd"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text text = {0};
		text_add_json(&text, rows[i].string);
		assert_string_equal(text_string(&text), rows[i].shown);
		text_free(&text);
	}
	/* Dashes and quotes of typography are text. */
	assert_string_equal(text_printable(*state, "\xe2\x80\x93\xe2\x80\x9c"),
			"\xe2\x80\x93\xe2\x80\x9c");
	assert_string_equal(text_printable(*state, "a\xef\xbb\xbf"), "a???");
}

/* Wherever it stands, and whatever stands around it. */
static void json_finds_what_needs_an_escape(void **state)
{
	(void)state;
	for (int byte = 1; byte < 0x100; byte++) {
		bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
		for (size_t at = 0; at < 20; at++) {
			char string[] = "  !!##[[]]~~AA00zz  ";
			string[at] = (char)byte;
			assert_int_equal(text_json_plain(string), plain ? 20 : at);
			string[19] = '"'; /* of two the first counts */
			assert_int_equal(text_json_plain(string), plain || at == 19 ? 19 : at);
		}
	}
	assert_int_equal(text_json_plain(""), 0);
}

static struct text written;

static void write_down(const char *bytes, size_t n)
{
	text_add_bytes(&written, bytes, n);
}

/* As jansson lays it out, which those who read it are used to. */
static void json_is_laid_out_as_before(void **state)
{
	static const char sample[] =
			"{\"a\": [], \"b\": {}, \"c\": [1, -2.5, true, null, \"\", [[]]], "
			"\"d\": {\"e\": {\"f\": [\"g\", {\"h\": \"i\"}]}}}";
	static const size_t flags[] = {JSON_INDENT(2), JSON_COMPACT};
	(void)state;
	for (size_t i = 0; i < COUNT(flags); i++) {
		struct json_out out = {.write = write_down, .compact = i == 1};
		json_t *json = json_loads(sample, 0, NULL);
		char *expected = json_dumps(json, flags[i]);
		json_put(&out, NULL, json);
		json_end(&out);
		assert_memory_equal(text_string(&written), expected, strlen(expected));
		assert_string_equal(text_string(&written) + strlen(expected), "\n");
		free(expected);
		text_free(&written);
	}
}

/* More than a block, deeper than the blanks that are at hand, and bytes that JSON cannot hold. */
static void json_is_written_piece_by_piece(void **state)
{
	enum { DEEP = 40, MANY = 3000 };
	struct json_out out = {.write = write_down};
	(void)state;
	for (int i = 0; i < DEEP; i++)
		json_open(&out, NULL, '[');
	for (int i = 0; i < MANY; i++)
		json_put_text(&out, NULL, "a\xff\x1b");
	json_put_text(&out, NULL, NULL);
	for (int i = 0; i < DEEP; i++)
		json_close(&out, ']');
	json_end(&out);
	json_t *json = json_loads(text_string(&written), 0, NULL);
	json_t *inner = json;
	for (int i = 1; i < DEEP; i++)
		inner = json_array_get(inner, 0);
	assert_int_equal(json_array_size(inner), MANY + 1);
	assert_string_equal(json_string_value(json_array_get(inner, MANY - 1)), "a??");
	char *expected = json_dumps(json, JSON_INDENT(2));
	assert_memory_equal(text_string(&written), expected, strlen(expected));
	free(expected);
	json_decref(json);
	text_free(&written);
}

static void nearest(void **state)
{
	static const char *const given[] = {"audit", "apply", "plan", "rollback", "gpu", "vm",
			"no-color", "no-comments", "an-option-longer-than-any-that-there-is-to-be"};
	static const struct {
		const char *word, *means;
	} cases[] = {
			{"adit", "audit"},
			{"plna", "plan"},
			{"aply", "apply"},
			{"rolbakc", "rollback"},
			{"gpus", "gpu"},
			{"wm", "vm"},
			{"no-colour", "no-color"},
			{"audit", "audit"},
			{"x", NULL},
			{"", NULL},
			{"ab", NULL},
			{"frobnicate", NULL},
			{"an-option-longer-than-any-that-there-is-to-bf", NULL},
	};
	struct strings names = {0};
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		strings_add(*state, &names, given[i]);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *found = text_nearest(cases[i].word, &names);
		if (!cases[i].means && found)
			fail_msg("%s: %s", cases[i].word, found);
		if (cases[i].means)
			assert_string_equal(found ? found : "none", cases[i].means);
	}
	assert_null(text_nearest("audit", &(struct strings){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(grows),
			TEST(lines),
			TEST(trims),
			TEST(numbers),
			TEST(printable),
			TEST(hashes_of_any_length),
			TEST(base64),
			TEST(json_strings),
			TEST(json_finds_what_needs_an_escape),
			TEST(json_is_laid_out_as_before),
			TEST(json_is_written_piece_by_piece),
			TEST(utf8),
			TEST(wraps),
			TEST(quotes_for_a_shell),
			TEST(nearest),
			TEST(arena_memory),
			TEST(lists),
			TEST(hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
