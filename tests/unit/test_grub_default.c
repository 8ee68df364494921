/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /etc/default/grub. grub-mkconfig sources that file with sh, so sh is asked what a value is and
 * what became of it after an edit; nothing here says by hand what a shell would read.
 */
#include "tests/unit/helper.h"

#include <dirent.h>

#include "pvegpu/formats/grub_default.h"

#define DEFAULT "GRUB_CMDLINE_LINUX_DEFAULT"
#define LINUX   "GRUB_CMDLINE_LINUX"

static const char file_name[] = "/etc/default/grub";
static const char *const new_words[] = {"iommu=pt", "pvegpu.test=1,a:b", NULL};

/* What a variable is after sh has sourced the text: NULL when it is not set. False when sh itself
 * gives up on the text. */
static bool sh_value(struct arena *arena, const char *text, const char *name, char **ret_value)
{
	static const char script[] = ". \"$1\" >/dev/null\n"
				     "eval \"value=\\${$2-} is=\\${$2+set}\"\n"
				     "printf '%s:%s.' \"$is\" \"$value\"";
	char *path = helper_path(arena, "grub");
	helper_write(path, text);
	const char *const argv[] = {"/bin/sh", "-c", script, "sh", path, name, NULL};
	char *out = NULL;
	int status = helper_run(arena, argv, &out);
	assert_int_not_equal(status, -1);
	size_t n = strlen(out);
	if (status != 0 || n < 2 || out[n - 1] != '.')
		return false;
	out[n - 1] = '\0';
	*ret_value = text_starts(out, "set:") ? out + strlen("set:") : NULL;
	return true;
}

/* Whether the text that was last given to sh_value() is shell text at all. */
static bool sh_takes_syntax(struct arena *arena)
{
	const char *const argv[] = {"/bin/sh", "-n", helper_path(arena, "grub"), NULL};
	return helper_run(arena, argv, NULL) == 0;
}

static struct strings split_words(struct arena *arena, const char *text)
{
	struct strings words = {0};
	while (text && *text) {
		text += strspn(text, " \t\n");
		size_t n = strcspn(text, " \t\n");
		if (n)
			strings_add(arena, &words, arena_strndup(arena, text, n));
		text += n;
	}
	return words;
}

static void assert_names_place(const struct error *err)
{
	if (!strstr(err->text, file_name) || !strstr(err->text, "line "))
		fail_msg("the error does not name file and line: %s", err->text);
}

static char *edit(struct arena *arena, const char *text, const char *name, const char *const *add,
		const char *const *remove, int *ret_status, struct error *err)
{
	struct strings added = helper_strings(arena, add);
	struct strings removed = helper_strings(arena, remove);
	char *edited = NULL;
	*ret_status = grub_default_edit(
			arena, file_name, text, name, &added, &removed, &edited, err);
	if (*ret_status < 0)
		assert_null(edited);
	return edited;
}

/* The edit changed the value and nothing else, and sh has the old words and then the new ones. */
static void check_edit(struct arena *arena, const char *text, const char *name,
		const struct grub_assignment *found, const char *edited)
{
	size_t n = strlen(text);
	if (found) {
		size_t tail = n - found->end;
		assert_true(strlen(edited) >= found->start + tail);
		assert_memory_equal(edited, text, found->start);
		assert_string_equal(edited + strlen(edited) - tail, text + found->end);
	} else {
		assert_memory_equal(edited, text, n);
	}
	char *before = NULL;
	char *after = NULL;
	if (!sh_value(arena, text, name, &before))
		fail_msg("edited a file that sh refuses:\n%s", text);
	if (!sh_value(arena, edited, name, &after) || !after)
		fail_msg("sh does not take the edited file:\n%s", edited);
	struct strings expected = split_words(arena, before);
	for (const char *const *word = new_words; *word; word++)
		strings_add(arena, &expected, *word);
	struct strings got = split_words(arena, after);
	char *want = strings_join(arena, &expected, " ");
	char *have = strings_join(arena, &got, " ");
	if (strcmp(want, have) != 0)
		fail_msg("after the edit sh has\n  %s\ninstead of\n  %s\nfrom\n%s\nbefore\n%s",
				have, want, edited, text);
}

/* What is said of the value after the file was sourced: the words of it are there, all of them
 * where it is said to be whole; and a file of our own after it adds the new words to them. */
static void check_effective(struct arena *arena, const char *text, const char *name,
		const struct grub_default *parsed, const char *value)
{
	const struct grub_source source = {file_name, parsed};
	bool whole = false;
	char *ours = grub_default_effective(arena, &source, 1, name, &whole);
	struct strings have = split_words(arena, value);
	struct strings said = split_words(arena, ours);
	for (size_t i = 0; i < said.n; i++)
		if (!strings_has(&have, said.item[i]))
			fail_msg("'%s' is not in '%s' of\n%s", said.item[i], value ? value : "",
					text);
	if (whole && strcmp(strings_join(arena, &said, " "), strings_join(arena, &have, " ")) != 0)
		fail_msg("whole, but '%s' is '%s' to sh in\n%s", ours, value ? value : "", text);
	struct strings added = helper_strings(arena, new_words);
	char *snippet = grub_snippet_make(arena, name, &added, "because");
	char *after = NULL;
	if (text_ends(text, "\\") ||
			!sh_value(arena, arena_printf(arena, "%s\n\n%s", text, snippet), name,
					&after))
		return; /* a readonly variable, or a file that ends the shell */
	struct strings expected = have;
	for (size_t i = 0; i < added.n; i++)
		strings_add(arena, &expected, added.item[i]);
	struct strings got = split_words(arena, after);
	char *want = strings_join(arena, &expected, " ");
	if (strcmp(want, strings_join(arena, &got, " ")) != 0)
		fail_msg("with our file sh has '%s' instead of '%s' of\n%s", after, want, text);
	struct grub_default read;
	struct error err;
	assert_int_equal(grub_default_parse(arena, file_name, snippet, &read, &err), 0);
	struct strings back = grub_snippet_words(arena, &read, name);
	assert_string_equal(strings_join(arena, &back, " "), strings_join(arena, &added, " "));
}

/* Whatever the text is: what the parser says without reservation is what sh has, and an edit is
 * either right or refused. */
static bool check_against_sh(struct arena *arena, const char *text, const char *name)
{
	struct grub_default parsed;
	struct error err = {0};
	int status = 0;
	char *edited = edit(arena, text, name, new_words, NULL, &status, &err);
	if (grub_default_parse(arena, file_name, text, &parsed, &err) < 0) {
		assert_int_equal(err.code, ERROR_PARSE);
		assert_int_equal(status, ERROR_PARSE);
		assert_names_place(&err);
		return false;
	}
	size_t count = 0;
	const struct grub_assignment *found = grub_default_find(&parsed, name, &count);
	char *value = NULL;
	bool understood = sh_value(arena, text, name, &value);
	if (understood)
		check_effective(arena, text, name, &parsed, value);
	if (!edited) {
		assert_int_equal(status, ERROR_REFUSED);
		assert_non_null(strstr(err.text, file_name));
		assert_non_null(grub_default_why_not_editable(&parsed, name, arena));
		if (count == 1 && found && !found->dynamic && !found->conditional &&
				!found->append && understood && value)
			assert_string_equal(found->value, value);
		return false;
	}
	if (!understood) {
		/* A command of it ends the shell; only what is no shell text must be seen here. */
		if (!sh_takes_syntax(arena))
			fail_msg("edited a file that sh refuses:\n%s", text);
		return false;
	}
	if ((found ? found->value : NULL) != value &&
			(!found || !value || strcmp(found->value, value) != 0))
		fail_msg("%s is '%s' to us and '%s' to sh in\n%s", name,
				found ? found->value : "(not set)", value ? value : "(not set)",
				text);
	check_edit(arena, text, name, found, edited);
	return true;
}

static void edits_what_sh_reads(void **state)
{
	static const char *const texts[] = {
			/* the file as installed */
			"# If you change this file, run 'update-grub' afterwards to update\n"
			"# /boot/grub/grub.cfg.\n\nGRUB_DEFAULT=0\nGRUB_TIMEOUT=5\n"
			"GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n" DEFAULT
			"=\"quiet\"\n" LINUX "=\"\"\n\n# end\n",
			/* of several the last one counts */
			DEFAULT "=\"quiet\"\n" DEFAULT "=\"splash\"\n",
			DEFAULT "=\"quiet\"; " DEFAULT "=\"splash\"\n",
			"if true; then " DEFAULT "=\"quiet\"; fi\n" DEFAULT "=\"splash\"\n",
			DEFAULT "=\"$(id)\"\n" DEFAULT "='a b'\n",
			/* quotes */
			DEFAULT "='quiet splash'\n",
			DEFAULT "=\"quiet splash\"\n",
			DEFAULT "=quiet\n",
			DEFAULT "=\"\"\n",
			DEFAULT "=''\n",
			DEFAULT "=\n",
			DEFAULT "=qui\"et\"\n",
			DEFAULT "=\"quiet\"' splash'\n",
			DEFAULT "='a'\"b\"c\n",
			DEFAULT "='it'\\''s'\n",
			DEFAULT "=\"it's\"\n",
			DEFAULT "='say \"x y\"'\n",
			/* escapes */
			DEFAULT "=\"quiet dyndbg=\\\"file drivers/usb/* +p\\\"\"\n",
			DEFAULT "=\"a\\\\b \\$HOME \\`x\\` \\z\"\n",
			DEFAULT "=a\\ b\\\"c\\'d\\\\e\\$f\n",
			DEFAULT "='back\\slash \\n $HOME `id`'\n",
			/* comments and blanks */
			DEFAULT "=\"quiet\" # host console\n",
			DEFAULT "=\"quiet\" \t \n",
			DEFAULT "=\"quiet\"#x\n",
			DEFAULT "=quiet#x\n",
			DEFAULT "=\"quiet # not a comment\"\n",
			"   \t" DEFAULT "=\"quiet\"\n",
			"#" DEFAULT "=\"splash\"\n" DEFAULT "=\"quiet\"\n",
			DEFAULT "=\"quiet\"\n#" DEFAULT "=\"old words\"\n",
			"# it's a comment with a quote \" in it\n" DEFAULT "=\"quiet\"\n",
			DEFAULT "=\"  quiet   splash \"\n",
			DEFAULT "=\"quiet\tsplash\"\n",
			/* continued lines */
			DEFAULT "=\"quiet \\\n  nomodeset\"\n",
			DEFAULT "=qui\\\net\n",
			DEFAULT "=\"quiet\" \\\n" LINUX "=\"x\"\n",
			"GRUB_TIMEOUT=5 \\\n  " DEFAULT "=\"quiet\"\n",
			"# comment \\\n" DEFAULT "=\"quiet\"\n",
			/* several on a line, other forms of a command */
			"export " DEFAULT "=\"quiet\"\n",
			"export GRUB_TIMEOUT=1 " DEFAULT "=\"quiet\" X=2\n",
			"GRUB_TIMEOUT=5; " DEFAULT "=\"quiet\"; GRUB_X=1\n",
			"GRUB_TIMEOUT=5 " DEFAULT "=\"quiet\"\n",
			"readonly " DEFAULT "=\"quiet\"\n",
			"true && true\n" DEFAULT "=\"quiet\"\n",
			"if true; then\n\tGRUB_TIMEOUT=1\nfi\n" DEFAULT "=\"quiet\"\n",
			"f() {\n\tGRUB_TIMEOUT=1\n}\n" DEFAULT "=\"quiet\"\n",
			"for i in 1 2; do GRUB_X=$i; done\n" DEFAULT "=\"quiet\"\n",
			"case x in\n\tx) GRUB_X=1 ;;\nesac\n" DEFAULT "=\"quiet\"\n",
			"(GRUB_X=1)\n" DEFAULT "=\"quiet\"\n",
			"echo if; echo {\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=\"$(echo '(' \")\")\"\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=\"${GRUB_Y:-\"x y\"}\"\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=`echo \"a b\"`\n" DEFAULT "=\"quiet\"\n",
			/* names that only look alike */
			"X" DEFAULT "=\"splash\"\n" DEFAULT "=\"quiet\"\n",
			DEFAULT "_X=\"splash\"\n" DEFAULT "=\"quiet\"\n",
			"echo " DEFAULT "=\"splash\"\n" DEFAULT "=\"quiet\"\n",
			/* no assignment yet; no newline at the end */
			"",
			"\n",
			"GRUB_TIMEOUT=5\n",
			"GRUB_TIMEOUT=5",
			"# only a comment",
			DEFAULT "=\"quiet\"",
			DEFAULT "=quiet",
			DEFAULT "=",
			LINUX "=\"root=ZFS=rpool/ROOT/pve-1 boot=zfs\"\n",
			/* bytes that are not ASCII */
			"# r\xc3\xa9glages\n" DEFAULT "=\"quiet\"\n# \xff\xfe\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++)
		if (!check_against_sh(*state, texts[i], DEFAULT))
			fail_msg("this could be edited and was not:\n%s", texts[i]);
}

static void refuses_to_guess(void **state)
{
	static const char *const texts[] = {
			DEFAULT "=\"quiet\"\n" DEFAULT "=\"$" DEFAULT " splash\"\n",
			DEFAULT "=\"${" DEFAULT "} splash\"\n",
			DEFAULT "=\"$(echo quiet)\"\n",
			DEFAULT "=\"`echo quiet`\"\n",
			DEFAULT "=`echo quiet`\n",
			DEFAULT "=$X\n",
			DEFAULT "=\"${" DEFAULT ":+$" DEFAULT " }quiet\"\n",
			DEFAULT "+=\" splash\"\n",
			DEFAULT "=\"quiet\"\n" DEFAULT "+=\" splash\"\n",
			"if true; then\n  " DEFAULT "=\"quiet\"\nfi\n",
			"if false; then X=1; else " DEFAULT "=\"quiet\"; fi\n",
			"for i in 1; do " DEFAULT "=\"quiet\"; done\n",
			"f() {\n" DEFAULT "=\"quiet\"\n}\n",
			"f() { " DEFAULT "=\"quiet\"; }\nf\n",
			"(" DEFAULT "=\"quiet\")\n",
			"[ -e / ] && " DEFAULT "=\"quiet\"\n",
			"false || " DEFAULT "=\"quiet\"\n",
			"while false; do " DEFAULT "=\"quiet\"; done\n",
			DEFAULT "=\"quiet\"\r\n",
			"GRUB_TIMEOUT=5\r\n" DEFAULT "=\"quiet splash\"\r\n" LINUX "=\"\"\r\n",
			DEFAULT "=quiet\r\n",
			DEFAULT "=\"quiet\nsplash\"\n",
			DEFAULT "='quiet\nsplash'\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++)
		if (check_against_sh(*state, texts[i], DEFAULT))
			fail_msg("this should not be edited:\n%s", texts[i]);
}

/* A branch of `case` is a condition like one of `if`. */
static void case_branch_is_conditional(void **state)
{
	assert_false(check_against_sh(
			*state, "case x in\n\ty) " DEFAULT "=\"quiet\" ;;\nesac\n", DEFAULT));
	assert_false(check_against_sh(*state,
			"case x in\n\ty)\n\t\tGRUB_X=1 ;;\n\tz)\n\t\t" DEFAULT
			"=\"quiet\"\n\t\t;;\nesac\n",
			DEFAULT));
	assert_false(check_against_sh(
			*state, "case x in (y) " DEFAULT "=\"quiet\" ;; esac\n", DEFAULT));
	/* the bracket of a pattern does not end a subshell */
	assert_false(check_against_sh(
			*state, "(case x in y) true ;; esac; " DEFAULT "=\"quiet\")\n", DEFAULT));
}

/* `A=1 command` sets A for that command only: a value that forgot its quotes. */
static void assignment_before_a_command(void **state)
{
	assert_false(check_against_sh(*state, DEFAULT "=quiet splash\n", DEFAULT));
	assert_false(check_against_sh(*state, DEFAULT "=\"quiet\" true\n", DEFAULT));
	assert_false(check_against_sh(*state,
			DEFAULT "=quiet amd_iommu=on iommu splash\n" LINUX "=\"\"\n", DEFAULT));
	/* … while words that are assignments too all count */
	assert_true(check_against_sh(*state, DEFAULT "=quiet amd_iommu=on\n", DEFAULT));
}

/* The right side of && and || may stand on the next line. */
static void condition_over_the_line_end(void **state)
{
	assert_false(check_against_sh(*state, "false &&\n" DEFAULT "=\"quiet\"\n", DEFAULT));
	assert_false(check_against_sh(
			*state, "true ||\n\n  # why\n  " DEFAULT "=\"quiet\"\n", DEFAULT));
	assert_false(check_against_sh(*state, "false && \\\n" DEFAULT "=\"quiet\"\n", DEFAULT));
}

/* The shell takes these for assignments, too: to add a line would undo them. */
static void quoted_declaration(void **state)
{
	assert_false(check_against_sh(*state, "export \"" DEFAULT "=quiet\"\n", DEFAULT));
	assert_false(check_against_sh(*state, "readonly '" DEFAULT "=quiet'\n", DEFAULT));
	assert_false(check_against_sh(*state, "X=" DEFAULT "\nexport $X=quiet\n", DEFAULT));
	assert_false(check_against_sh(*state, "eval '" DEFAULT "=quiet'\n", DEFAULT));
}

static void unset_takes_it_back(void **state)
{
	assert_false(check_against_sh(*state, DEFAULT "=\"quiet\"\nunset " DEFAULT "\n", DEFAULT));
	assert_true(check_against_sh(*state, "unset X\n" DEFAULT "=\"quiet\"\n", DEFAULT));
}

/* A bracket inside quotes does not end an expansion; if it did, the quotes after it would swallow
 * whole lines, and with them an assignment that is there. */
static void quotes_inside_expansions(void **state)
{
	static const char *const texts[] = {
			"GRUB_X=$(echo ')')\n" DEFAULT "=\"quiet\"\nGRUB_Y=$(echo ')')\n",
			"GRUB_X=$(echo \"(\")\n" DEFAULT "=\"quiet\"\nGRUB_Y=$(echo \")\")\n",
			"GRUB_X=${GRUB_Y:-'}'}\n" DEFAULT "=\"quiet\"\nGRUB_Z=${GRUB_Y:-'}'}\n",
			"GRUB_X=$(echo \\))\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=${GRUB_Y:-\\}}\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=\"${GRUB_Y:-$(echo })}\"\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=$((1 + (2 * 3)))\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=$((1 << 3))\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=`echo '`'\n" DEFAULT "=\"quiet\"\n",
			/* in double quotes a single quote inside ${…} is a plain character */
			"GRUB_X=\"${GRUB_Y:-it's}\"\n" DEFAULT "=\"quiet\"\n"
			"GRUB_Z=\"${GRUB_Y:-it's}\"\n",
			"GRUB_X=$(case a in a) echo b ;; esac)\n" DEFAULT "=\"quiet\"\n",
			"GRUB_X=$(echo a # it's\n)\n" DEFAULT "=\"quiet\"\n"
			"GRUB_Y=$(echo a # it's\n)\n",
			"GRUB_X=`echo \"it's\"`\n" DEFAULT "=\"quiet\"\n"
			"GRUB_Y=`echo \"it's\"`\n",
			"GRUB_X=\"`echo \"a b\"`\"\n" DEFAULT "=\"quiet\"\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++)
		(void)check_against_sh(*state, texts[i], DEFAULT);
}

/* A second shell: what it assigns is gone with it. */
static void pipes_and_background(void **state)
{
	assert_false(check_against_sh(*state, DEFAULT "=\"quiet\" | true\n", DEFAULT));
	assert_false(check_against_sh(*state, "true | " DEFAULT "=\"quiet\"\n", DEFAULT));
	assert_false(check_against_sh(*state, DEFAULT "=\"quiet\" &\n", DEFAULT));
	assert_false(check_against_sh(*state, "true |\n" DEFAULT "=\"quiet\"\n", DEFAULT));
}

/* What stands in backquotes is a command of its own and sets nothing here. */
static void assignment_inside_backquotes(void **state)
{
	(void)check_against_sh(*state,
			"GRUB_X=`true; " DEFAULT "=splash; true`\n" DEFAULT "=\"quiet\"\n",
			DEFAULT);
	(void)check_against_sh(*state, "GRUB_X=`true; " DEFAULT "=splash; true`\n", DEFAULT);
	(void)check_against_sh(*state, "GRUB_X=$(true; " DEFAULT "=splash; true)\n", DEFAULT);
}

/* A line added at the end must be a line of its own. */
static void added_line_is_not_continued(void **state)
{
	static const char *const texts[] = {
			"GRUB_TIMEOUT=5 \\\n",
			"GRUB_TIMEOUT=5\\\n",
			"GRUB_TIMEOUT=5\\",
			DEFAULT "=quiet\\",
			"true \\\n",
			"false &&\n",
			"false ||",
			"echo |\n",
			"# comment \\",
	};
	for (size_t i = 0; i < COUNT(texts); i++)
		(void)check_against_sh(*state, texts[i], DEFAULT);
}

static void broken_files_name_the_place(void **state)
{
	static const struct {
		const char *text;
		size_t line;
	} broken[] = {
			{DEFAULT "=\"quiet\n", 1},
			{"GRUB_TIMEOUT=5\n" DEFAULT "=\"quiet\n" LINUX "=''\n", 2},
			{"GRUB_TIMEOUT=5\n\n" DEFAULT "='quiet\n", 3},
			{DEFAULT "=\"quiet\"\n" LINUX "=\"root=/dev/sda\n", 2},
			{"GRUB_X=$(echo\n", 1},
			{"# x\nGRUB_X=\"${Y\n", 2},
			{"# x\n# y\ncat <<EOF\n" DEFAULT "=x\nEOF\n", 3},
			{"GRUB_X=5\nGRUB_X='a'b'\n", 2},
	};
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct grub_default parsed;
		struct error err = {0};
		assert_int_equal(grub_default_parse(
						 *state, file_name, broken[i].text, &parsed, &err),
				ERROR_PARSE);
		assert_names_place(&err);
		char *line = arena_printf(*state, "line %zu", broken[i].line);
		if (!strstr(err.text, line))
			fail_msg("expected %s: %s", line, err.text);
		int status = 0;
		assert_null(edit(*state, broken[i].text, DEFAULT, new_words, NULL, &status, &err));
		assert_int_equal(status, ERROR_PARSE);
	}
}

/* Where sh gives up update-grub fails too, so an edit could never take effect. */
static void does_not_edit_what_sh_refuses(void **state)
{
	static const char *const texts[] = {
			"if true; then\n" DEFAULT "=\"quiet\"\n",
			DEFAULT "=\"quiet\"\nif true; then\n",
			DEFAULT "=\"quiet\"\nfi\n",
			DEFAULT "=\"quiet\"\nf() {\n",
			DEFAULT "=\"quiet\"\n)\n",
			DEFAULT "=\"quiet\")\n",
			DEFAULT "=(quiet splash)\n",
			DEFAULT "=\"quiet\"\nGRUB_X=`echo\n",
			DEFAULT "=\"quiet\"\n;;\n",
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct error err = {0};
		int status = 0;
		if (edit(*state, texts[i], DEFAULT, new_words, NULL, &status, &err))
			fail_msg("sh refuses this and it was edited:\n%s", texts[i]);
	}
}

static void removes_words(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} rows[] = {
			{DEFAULT "=\"quiet iommu=pt splash\" # x\n",
					DEFAULT "=\"quiet splash\" # x\n"},
			{DEFAULT "='iommu=pt quiet'\n", DEFAULT "='quiet'\n"},
			{DEFAULT "=\"quiet iommu=pt\"\n", DEFAULT "=\"quiet\"\n"},
			{DEFAULT "=\"iommu=pt\"\n", DEFAULT "=\"\"\n"},
			{DEFAULT "=\"iommu=pt a iommu=pt\"\n", DEFAULT "=\"a\"\n"},
			/* only whole words */
			{DEFAULT "=\"iommu=ptx xiommu=pt\"\n",
					DEFAULT "=\"iommu=ptx xiommu=pt\"\n"},
	};
	static const char *const words[] = {"iommu=pt", NULL};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int status = 0;
		struct error err = {0};
		assert_string_equal(
				edit(*state, rows[i].before, DEFAULT, NULL, words, &status, &err),
				rows[i].after);
	}
}

static void add_and_remove_give_the_file_back(void **state)
{
	static const char *const texts[] = {
			DEFAULT "=\"quiet\"\n",
			"\n\n# x\n" DEFAULT "='quiet splash'   # y\n\n" LINUX "=\"\"",
			DEFAULT "=\"\"\n",
			DEFAULT "=\"  quiet   splash\"\t\n",
			"export " DEFAULT "=\"quiet\";GRUB_X=1\n",
	};
	static const char *const words[] = {"intel_iommu=on", "iommu=pt", NULL};
	for (size_t i = 0; i < COUNT(texts); i++) {
		int status = 0;
		struct error err = {0};
		char *added = edit(*state, texts[i], DEFAULT, words, NULL, &status, &err);
		if (!added)
			continue;
		assert_string_not_equal(added, texts[i]);
		assert_string_equal(
				edit(*state, added, DEFAULT, NULL, words, &status, &err), texts[i]);
	}
}

static void nothing_to_do_changes_no_byte(void **state)
{
	static const char *const texts[] = {
			DEFAULT "=\"quiet\"\n",
			DEFAULT "='quiet  splash '\n",
			"# x\n" DEFAULT "=\"\" # y",
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		int status = 0;
		struct error err = {0};
		assert_string_equal(edit(*state, texts[i], DEFAULT, NULL, NULL, &status, &err),
				texts[i]);
	}
}

static void says_why_not(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
			{"\n" DEFAULT "=\"$X\"\n", "line 2"},
			{"if true; then\n" DEFAULT "=a\nfi\n", "condition"},
			{DEFAULT "+=a\n", "+="},
			{DEFAULT "=\"a\"\r\n", "CRLF"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = {0};
		int status = 0;
		assert_null(edit(*state, rows[i].text, DEFAULT, new_words, NULL, &status, &err));
		assert_int_equal(status, ERROR_REFUSED);
		if (!strstr(err.text, rows[i].says))
			fail_msg("'%s' is not in: %s", rows[i].says, err.text);
	}
}

/* Files made of pieces in random order: whatever comes out, it is as sh has it or refused. */
static void generated_files(void **state)
{
	static const char *const pieces[] = {
			DEFAULT "=",
			DEFAULT "=",
			DEFAULT "=",
			LINUX "=",
			"export ",
			"\"",
			"\"",
			"'",
			"'",
			"\\",
			"\n",
			"\n",
			"\n",
			" ",
			"quiet",
			"iommu=pt",
			"#",
			";",
			"splash=x",
			"$X",
			"\t",
			"\\\n",
			"\r\n",
			"=",
			"\"quiet\"",
			"'a b'",
			"true",
			"&&",
			"GRUB_X=1",
	};
	uint32_t seed = 20240607;
	for (int i = 0; i < 1200; i++) {
		struct arena *arena = arena_new();
		struct text text = {0};
		unsigned n = 1 + helper_random(&seed, 9);
		while (n--)
			text_add(&text, pieces[helper_random(&seed, COUNT(pieces))]);
		(void)check_against_sh(arena, text_take(&text, arena), DEFAULT);
		arena_free(arena);
	}
	(void)state;
}

static size_t check_directory(struct arena *arena, const char *dir, size_t *ret_edited)
{
	DIR *listing = opendir(dir);
	assert_non_null(listing);
	size_t n = 0;
	const struct dirent *entry = NULL;
	while ((entry = readdir(listing)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		if (entry->d_name[0] == '.' || text_ends(entry->d_name, ".jsonl"))
			continue;
		char *text = helper_read(
				arena, arena_printf(arena, "%s/%s", dir, entry->d_name), NULL);
		assert_non_null(text);
		*ret_edited += check_against_sh(arena, text, DEFAULT);
		*ret_edited += check_against_sh(arena, text, LINUX);
		n++;
	}
	(void)closedir(listing);
	return n;
}

static void real_files(void **state)
{
	char *dir = helper_shared(*state, "data/grub");
	char *more = helper_shared(*state, "data/peers/grub");
	if (!dir || !more)
		SKIP("no collection of real files (PVEGPU_SHARED)");
	size_t edited = 0;
	assert_true(check_directory(*state, dir, &edited) > 0);
	assert_true(check_directory(*state, more, &edited) > 0);
	print_message("%zu values could be edited\n", edited);
	assert_true(edited > 20);
}

/* grub-mkconfig sources /etc/default/grub and then those of grub.d. */
static void several_files(void **state)
{
	static const struct {
		const char *first, *second, *words;
		bool whole;
	} rows[] = {
			{DEFAULT "=\"quiet\"\n", DEFAULT "=\"$" DEFAULT " a b\"\n", "quiet a b",
					true},
			{DEFAULT "=\"quiet\"\n", DEFAULT "=\"a\"\n", "a", true},
			{DEFAULT "=\"quiet\"\n", "unset " DEFAULT "\n", "", true},
			{"X=a\n" DEFAULT "=\"quiet\"\n", DEFAULT "=\"${" DEFAULT "} $X\"\n",
					"quiet a", true},
			{DEFAULT "=\"quiet\"\n", DEFAULT "=\"$" DEFAULT " $(id) a\"\n", "quiet a",
					false},
			{DEFAULT "=\"quiet a\"\n", "if x; then " DEFAULT "=\"a b\"; fi\n", "a",
					false},
			{DEFAULT "=\"quiet\"\n", "[ -e /x ] && " DEFAULT "=\"$" DEFAULT " b\"\n",
					"quiet", false},
			{DEFAULT "=\"quiet\"\n", ". /etc/other\n", "quiet", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct grub_default parsed[2];
		struct error err;
		assert_int_equal(grub_default_parse(*state, "1", rows[i].first, &parsed[0], &err),
				0);
		assert_int_equal(grub_default_parse(*state, "2", rows[i].second, &parsed[1], &err),
				0);
		const struct grub_source sources[] = {{"1", &parsed[0]}, {"2", &parsed[1]}};
		bool whole = false;
		char *value = grub_default_effective(*state, sources, 2, DEFAULT, &whole);
		struct strings words = split_words(*state, value);
		assert_string_equal(strings_join(*state, &words, " "), rows[i].words);
		assert_int_equal(whole, rows[i].whole);
	}
}

/* Escapes and continued lines in the value stay as they were written. */
static void words_go_before_the_closing_quote(void **state)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
			{DEFAULT "=\"quiet \\\n  nomodeset\"\n", DEFAULT
					"=\"quiet \\\n  nomodeset intel_iommu=on iommu=pt\"\n"},
			{DEFAULT "=\"a=\\\"b c\\\"\"\n",
					DEFAULT "=\"a=\\\"b c\\\" intel_iommu=on iommu=pt\"\n"},
			{DEFAULT "='$5 x'\n", DEFAULT "='$5 x intel_iommu=on iommu=pt'\n"},
	};
	static const char *const words[] = {"intel_iommu=on", "iommu=pt", NULL};
	for (size_t i = 0; i < COUNT(rows); i++) {
		int status = 0;
		struct error err = {0};
		assert_string_equal(
				edit(*state, rows[i].before, DEFAULT, words, NULL, &status, &err),
				rows[i].after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(several_files),
			TEST(words_go_before_the_closing_quote),
			TEST(edits_what_sh_reads),
			TEST(refuses_to_guess),
			TEST(case_branch_is_conditional),
			TEST(assignment_before_a_command),
			TEST(condition_over_the_line_end),
			TEST(quoted_declaration),
			TEST(unset_takes_it_back),
			TEST(quotes_inside_expansions),
			TEST(pipes_and_background),
			TEST(assignment_inside_backquotes),
			TEST(added_line_is_not_continued),
			TEST(broken_files_name_the_place),
			TEST(does_not_edit_what_sh_refuses),
			TEST(removes_words),
			TEST(add_and_remove_give_the_file_back),
			TEST(nothing_to_do_changes_no_byte),
			TEST(says_why_not),
			TEST(generated_files),
			TEST(real_files),
	};
	return cmocka_run_group_tests(tests, helper_temp_new, helper_temp_free);
}
