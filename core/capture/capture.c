/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pvegpu/capture/capture.h"

#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/capture/internal.h"
#include "pvegpu/base/text.h"
#include "pvegpu/doctor/symptoms.h"
#include "pvegpu/facts/facts.h"
#include "pvegpu/logs/logs.h"

enum { FILE_MAX = 4 << 20, LINKS_MAX = 40 };

/* What was looked at, before it is turned into items. */
struct looks {
	struct arena *arena;
	struct list list; /* of struct look */
};
struct look {
	const char *path;
	enum root_look look;
};

static void on_look(void *user, const char *path, enum root_look look)
{
	struct looks *looks = user;
	struct look *added = arena_alloc(looks->arena, sizeof *added);
	*added = (struct look){arena_strdup(looks->arena, path), look};
	list_add(looks->arena, &looks->list, added);
}

static int compare_paths(const void *a, const void *b)
{
	const struct capture_item *first = a;
	const struct capture_item *second = b;
	return strcmp(first->path, second->path);
}

/* The item of a path; a new one is an empty directory until it is said what it is. */
static struct capture_item *item_of(struct collector *collector, const char *path)
{
	struct arena *arena = collector->capture->arena;
	struct capture_item *item = arena_alloc(arena, sizeof *item);
	item->path = redact_path(collector->redactor, arena, path);
	struct capture_item **found = tsearch(item, &collector->tree, compare_paths);
	if (!found)
		abort(); /* see arena.h */
	if (*found == item)
		list_add(arena, &collector->capture->items, item);
	return *found;
}

static char *join(struct arena *arena, const char *dir, const char *name)
{
	return arena_printf(arena, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
}

/* Every link on the way to a path, and where the path really is; NULL when it is nowhere. */
static char *add_way(struct collector *collector, const char *path, int links)
{
	struct arena *arena = collector->capture->arena;
	char *done = arena_strdup(arena, "");
	const char *at = path;
	while (*at) {
		at += strspn(at, "/");
		size_t n = strcspn(at, "/");
		if (!n)
			break;
		if (n == 2 && strncmp(at, "..", 2) == 0) {
			char *slash = strrchr(done, '/');
			if (slash)
				*slash = '\0';
			at += n;
			continue;
		}
		char *next = arena_printf(arena, "%s/%.*s", done, (int)n, at);
		at += n;
		if (n == 1 && at[-1] == '.')
			continue;
		char *target = root_readlink(collector->root, next, arena);
		if (!target) {
			done = next;
			continue;
		}
		if (links >= LINKS_MAX)
			return NULL;
		item_of(collector, next)->target = redact_path(collector->redactor, arena, target);
		char *rest = arena_printf(
				arena, "%s/%s%s", target[0] == '/' ? "" : done, target, at);
		return add_way(collector, rest, links + 1);
	}
	return *done ? done : arena_strdup(arena, "/");
}

static void add_file(struct collector *collector, const char *path)
{
	struct arena *arena = collector->capture->arena;
	struct capture_item *item = item_of(collector, path);
	if ((item->text && !item->only_there) || item->target)
		return;
	char *text = NULL;
	size_t n = 0;
	item->only_there = false;
	item->note = NULL;
	item->text = arena_strdup(arena, "");
	if (root_read(collector->root, path, arena, &text, &n, NULL) < 0)
		return;
	capture_filter(collector, item, path, text, n);
}

/* A file of which only counts that it is there, and whether it can be run. */
static void add_there(struct collector *collector, const char *path)
{
	struct capture_item *item = item_of(collector, path);
	struct stat status;
	if (item->text || item->target)
		return;
	item->executable = root_stat(collector->root, path, &status) == 0 &&
			   S_ISREG(status.st_mode) && (status.st_mode & 0111);
	add_placeholder(collector, item, NULL);
	item->only_there = true;
}

static void add_dir(struct collector *collector, const char *path)
{
	struct arena *arena = collector->capture->arena;
	struct strings names = {0};
	(void)item_of(collector, path);
	if (!root_list(collector->root, path, arena, &names))
		return;
	/* The names count, what they hold only if it was read. */
	for (size_t i = 0; i < names.n; i++) {
		char *name = join(arena, path, names.item[i]);
		char *target = root_readlink(collector->root, name, arena);
		struct stat status;
		if (target)
			item_of(collector, name)->target =
					redact_path(collector->redactor, arena, target);
		else if (root_stat(collector->root, name, &status) == 0 && S_ISDIR(status.st_mode))
			(void)item_of(collector, name);
		else
			add_there(collector, name);
	}
}

void add_placeholder(struct collector *collector, struct capture_item *item, const char *note)
{
	struct arena *arena = collector->capture->arena;
	item->text = arena_strdup(arena, "");
	item->n = 0;
	item->note = arena_strdup(arena, note);
}

static void add_look(struct collector *collector, const struct look *look)
{
	struct stat status;
	char *path = add_way(collector, look->path, 0);
	if (!path || root_stat(collector->root, path, &status) < 0)
		return;
	if (S_ISDIR(status.st_mode)) {
		if (look->look == ROOT_LOOK_LIST)
			add_dir(collector, path);
		else
			(void)item_of(collector, path);
	} else if (!S_ISREG(status.st_mode) || look->look == ROOT_LOOK_STAT) {
		add_there(collector, path); /* a device, a socket too */
	} else {
		add_file(collector, path);
		item_of(collector, path)->executable = status.st_mode & 0111;
	}
}

/* Names that are a host's: this node's, those of the cluster. */
static void add_hosts(struct collector *collector, const struct facts *facts)
{
	struct arena *arena = collector->capture->arena;
	struct strings names = {0};
	if (facts->node)
		redactor_add_host(collector->redactor, facts->node);
	(void)root_list(collector->root, "/etc/pve/nodes", arena, &names);
	for (size_t i = 0; i < names.n; i++)
		redactor_add_host(collector->redactor, names.item[i]);
	/* "10.0.0.2 pve2.example.org pve2 pvelocalhost": as such a file they are hosts. */
	char *hosts = root_read_value(collector->root, "/etc/hosts", arena);
	if (hosts)
		(void)redact(collector->redactor, arena, REDACT_HOSTS, hosts, NULL);
}

static void sweep_text(struct collector *collector, char **text)
{
	size_t n = 0;
	if (*text)
		*text = redact_sweep(collector->redactor, collector->capture->arena, *text,
				strlen(*text), &n);
}

/* Now that all originals are known they are looked for in what was redacted before that. */
static void sweep(struct collector *collector)
{
	struct capture *capture = collector->capture;
	for (size_t i = 0; i < capture->items.n; i++) {
		struct capture_item *item = capture->items.item[i];
		sweep_text(collector, &item->path);
		sweep_text(collector, &item->target);
		if (item->text)
			item->text = redact_sweep(collector->redactor, capture->arena, item->text,
					item->n, &item->n);
	}
	for (size_t i = 0; i < capture->left_out.n; i++)
		sweep_text(collector, &capture->left_out.item[i]);
}

static int compare_items(const void *a, const void *b)
{
	const struct capture_item *const *first = a;
	const struct capture_item *const *second = b;
	return strcmp((*first)->path, (*second)->path);
}

/* The items are the arena's. */
static void keep(void *item)
{
	(void)item;
}

int capture_collect(struct root *root, bool keep_comments, struct capture **ret_capture,
		struct error *err)
{
	struct arena *arena = arena_new();
	struct capture *capture = arena_alloc(arena, sizeof *capture);
	capture->arena = arena;
	struct looks looks = {.arena = arena};
	struct facts *facts = NULL;
	root_watch(root, on_look, &looks);
	int status = facts_read(root, &facts, err);
	if (status == 0) {
		struct scan *scan = symptoms_scan(NULL);
		scan_host(scan, root);
		scan_free(scan);
	}
	root_watch(root, NULL, NULL);
	if (status < 0 || !facts) {
		arena_free(arena);
		return status;
	}
	struct collector collector = {
			.root = root, .capture = capture, .redactor = redactor_new(!keep_comments)};
	add_hosts(&collector, facts);
	facts_free(facts);
	for (size_t i = 0; i < looks.list.n; i++)
		add_look(&collector, looks.list.item[i]);
	capture_add_outputs(&collector);
	sweep(&collector);
	/* So that what is not in it is known not to have been there. */
	struct capture_item *mark = item_of(&collector, "/" ROOT_CAPTURE_MARK);
	mark->text = arena_strdup(arena,
			"{\"schema\":\"pvegpu.capture/1\",\"version\":\"" PVEGPU_VERSION "\"}\n");
	mark->n = strlen(mark->text);
	qsort(capture->items.item, capture->items.n, sizeof *capture->items.item, compare_items);
	for (size_t i = 0; i < capture->items.n; i++) {
		const struct capture_item *item = capture->items.item[i];
		capture->bytes += item->n;
		for (int kind = 0; kind < REDACT_KINDS; kind++)
			capture->counts[kind] += item->counts[kind];
	}
	redactor_free(collector.redactor);
	tdestroy(collector.tree, keep);
	*ret_capture = capture;
	return 0;
}

void capture_free(struct capture *capture)
{
	if (capture)
		arena_free(capture->arena);
}
