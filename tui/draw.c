/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/draw.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "pvegpu/base/text.h"

static bool utf8_terminal(void)
{
	/* Only the screen's thread draws, and the locale is set once. */
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; /* NOLINT(concurrency-mt-unsafe) */
}

int draw_text(int y, int x, int columns, enum role role, const char *text)
{
	if (columns <= 0 || y < 0 || y >= LINES || x >= COLS)
		return 0;
	struct arena *arena = arena_new();
	const char *safe = text_printable(arena, text);
	(void)attrset((int)role_attr(role));
	(void)move(y, x);
	int used = 0;
	bool utf8 = utf8_terminal();
	mbstate_t state = {0};
	size_t left = strlen(safe);
	while (left && used < columns) {
		wchar_t wide = L'?';
		/* With a state of its own mbrtowc() is safe. */
		/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
		size_t n = utf8 ? mbrtowc(&wide, safe, left, &state) : 1;
		if (!utf8)
			wide = (unsigned char)*safe < 0x80 ? (wchar_t)*safe : L'?';
		if (n == 0 || n > left) {
			n = 1;
			wide = L'?';
			state = (mbstate_t){0};
		}
		int width = wcwidth(wide);
		if (width < 0) {
			wide = L'?';
			width = 1;
		}
		if (used + width > columns)
			break;
		wchar_t cell[2] = {wide, L'\0'};
		(void)addwstr(cell);
		used += width;
		safe += n;
		left -= n;
	}
	(void)attrset((int)A_NORMAL);
	arena_free(arena);
	return used;
}

void draw_bar(int y, int x, int columns, enum role role, const char *text)
{
	int used = draw_text(y, x, columns, role, text);
	(void)attrset((int)role_attr(role));
	for (; used < columns; used++)
		(void)mvaddch(y, x + used, ' ');
	(void)attrset((int)A_NORMAL);
}

void draw_rule(int y, int columns)
{
	for (int x = 0; x < columns; x++)
		(void)mvaddch(y, x, '-');
}

/* How many bytes of `start` go on a line of `room` columns: up to the last blank that fits, else
 * cut in the word, but never inside a UTF-8 sequence. */
static size_t fitting(const char *start, size_t left, size_t room)
{
	if (left <= room)
		return left;
	size_t n = room;
	while (n > room / 2 && start[n] != ' ')
		n--;
	if (start[n] != ' ')
		n = room;
	while (n > 1 && ((unsigned char)start[n] & 0xc0) == 0x80)
		n--;
	return n;
}

struct strings wrap_lines(struct arena *arena, const char *text, int columns)
{
	struct strings lines = {0};
	struct lines cursor = lines_start(text);
	struct line line;
	size_t width = (size_t)(columns > 4 ? columns : 4);
	while (line_next(&cursor, &line)) {
		const char *start = line.start;
		size_t left = line.n;
		size_t indent = strspn(start, " ");
		indent = indent < 2 ? 2 : indent < width / 2 ? indent : 2;
		size_t n = fitting(start, left, width);
		strings_add(arena, &lines, arena_strndup(arena, start, n));
		while (left > n) {
			start += n;
			left -= n;
			size_t blanks = strspn(start, " ");
			blanks = blanks < left ? blanks : left;
			start += blanks;
			left -= blanks;
			n = fitting(start, left, width - indent);
			if (n)
				strings_add(arena, &lines,
						arena_printf(arena, "%*s%.*s", (int)indent, "",
								(int)n, start));
		}
	}
	return lines;
}

void draw_wrapped(struct area area, enum role role, const char *text)
{
	struct arena *arena = arena_new();
	struct strings lines = wrap_lines(arena, text, area.columns);
	for (int i = 0; i < area.lines && (size_t)i < lines.n; i++) {
		const char *line = lines.item[i] + (i ? strspn(lines.item[i], " ") : 0);
		bool cut = i == area.lines - 1 && (size_t)i + 1 < lines.n;
		int used = draw_text(area.y + i, area.x, area.columns - (cut ? 3 : 0), role, line);
		if (cut)
			(void)draw_text(area.y + i, area.x + used, 3, role, "...");
	}
	arena_free(arena);
}

void draw_keys(struct area area, const struct key *keys, size_t planned)
{
	int x = area.x;
	for (; keys->name; keys++) {
		char count[32] = "";
		if (keys->code == REVIEW_KEY && planned)
			(void)snprintf(count, sizeof count, " (%zu)", planned);
		int name = (int)strlen(keys->name);
		int n = name + 1 + (int)strlen(keys->label) + (int)strlen(count);
		if (x + n > area.x + area.columns)
			continue;
		x += draw_text(area.y, x, name, ROLE_KEY, keys->name) + 1;
		x += draw_text(area.y, x, n, ROLE_PLAIN, keys->label);
		x += draw_text(area.y, x, n, ROLE_PLAIN, count) + 3;
	}
}

void draw_too_small(void)
{
	char text[32];
	(void)erase();
	(void)snprintf(text, sizeof text, "need %dx%d", LAYOUT_MIN_COLUMNS, LAYOUT_MIN_LINES);
	(void)draw_text(0, 0, COLS, ROLE_PLAIN, text);
	(void)snprintf(text, sizeof text, "have %dx%d", COLS, LINES);
	(void)draw_text(1, 0, COLS, ROLE_PLAIN, text);
	(void)refresh();
}

enum role diff_role(const char *line)
{
	if (text_starts(line, "+++") || text_starts(line, "---") || text_starts(line, "@@"))
		return ROLE_TITLE;
	if (line[0] == '+')
		return ROLE_ADD;
	if (line[0] == '-')
		return ROLE_DELETE;
	return ROLE_PLAIN;
}

/* Draw the page from line `*top`, which is brought into range; returns the number of lines. */
static int draw_page(const char *title, const char *text, const struct layout *layout, int *top)
{
	static const struct key keys[] = {{KEY_DOWN, "Up/Down", "scroll"}, {'b', "b", "back"}, {0}};
	if (layout->too_small) {
		draw_too_small();
		return 0;
	}
	struct arena *arena = arena_new();
	struct strings lines = wrap_lines(arena, text, layout->body.columns - 2);
	int count = (int)lines.n;
	int last = count > layout->body.lines ? count - layout->body.lines : 0;
	if (*top > last)
		*top = last;
	(void)erase();
	(void)draw_text(0, 0, COLS, ROLE_TITLE, title);
	draw_rule(layout->rule_top, COLS);
	for (int i = 0; lines.item && i < layout->body.lines && *top + i < count; i++)
		(void)draw_text(layout->body.y + i, 1, layout->body.columns - 2,
				diff_role(lines.item[*top + i]), lines.item[*top + i]);
	draw_rule(layout->rule_bottom, COLS);
	if (count - *top > layout->body.lines)
		(void)draw_text(layout->hint.y, 0, COLS, ROLE_DIM, "more below");
	draw_keys(layout->keys, keys, 0);
	(void)refresh();
	arena_free(arena);
	return count;
}

int show_text(const char *title, const char *text)
{
	int top = 0;
	for (;;) {
		struct layout layout = layout_make(LINES, COLS, 0);
		int count = draw_page(title, text, &layout, &top);
		int key = term_key(-1, false);
		switch (key) {
		case KEY_DOWN:
			top++;
			break;
		case KEY_UP:
			top -= top > 0;
			break;
		case KEY_NPAGE:
		case ' ':
			top += layout.body.lines;
			break;
		case KEY_PPAGE:
			top = top > layout.body.lines ? top - layout.body.lines : 0;
			break;
		case KEY_HOME:
			top = 0;
			break;
		case KEY_END:
			top = count;
			break;
		case KEY_RESIZE:
			break;
		default:
			return key; /* KEY_ENDED too */
		}
	}
}

int ask_line(const char *prompt, char *buffer, size_t size, void (*redraw)(void *user), void *user)
{
	size_t n = 0;
	struct term_paste paste;
	buffer[0] = '\0';
	for (;;) {
		redraw(user);
		struct layout layout = layout_make(LINES, COLS, 0);
		if (layout.too_small) {
			draw_too_small();
		} else {
			draw_bar(layout.keys.y, 0, layout.keys.columns, ROLE_PLAIN, "");
			int x = draw_text(layout.keys.y, 0, layout.keys.columns - 1, ROLE_KEY,
					prompt);
			x += draw_text(layout.keys.y, x, layout.keys.columns - x - 1, ROLE_PLAIN,
					buffer);
			(void)mvaddch(layout.keys.y, x, '_');
			(void)refresh();
		}
		int key = term_field_key(&paste);
		if (key == KEY_ENDED || key == '\n')
			return key;
		if (key == KEY_PASTE) {
			n += (size_t)snprintf(buffer + n, size - n, "%s", paste.text);
			n = n < size ? n : size - 1;
			continue;
		}
		if (key == 27)
			return 'b';
		if (key == KEY_BACKSPACE || key == 127 || key == 8) {
			if (n == 0)
				return 'b';
			buffer[--n] = '\0';
		} else if (key >= ' ' && key < 127 && n + 1 < size) {
			buffer[n++] = (char)key;
			buffer[n] = '\0';
		}
	}
}
