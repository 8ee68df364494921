/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PVEGPU_PLAN_PLAN_H
#define PVEGPU_PLAN_PLAN_H

#include <jansson.h>
#include <stdbool.h>

#include "pvegpu/base/hash.h"
#include "pvegpu/base/root.h"
#include "pvegpu/formats/vm_conf.h"
#include "pvegpu/goal/goal.h"
#include "pvegpu/pve/client.h"

/*
 * What would change, and why. Built from drafts: the first edit of a path loads the file, each fix
 * transforms the draft, and plan_finish() makes one change a path, orders everything, and gives
 * the plan its id: the hash of what it will do, and of the goal with every risk that was accepted.
 * Nothing here writes.
 *
 * A plan ends at its first reboot: API calls that would follow one are a forecast, without hashes
 * and not part of the id; they are planned again from fresh facts after the reboot.
 */
struct change_kind; /* kind.h */
enum file_operation { FILE_CREATE, FILE_EDIT, FILE_DELETE };

/* API calls come in this order; settings of one stage go together in one call. */
#define PLAN_HA_STATE "ha-state"
enum api_stage { STAGE_MAPPING, STAGE_STOP, STAGE_SETTINGS, STAGE_ATTACH, STAGE_START };

struct change {
	const struct change_kind *kind;
	size_t n;               /* from 1, over changes and forecast */
	struct strings because; /* check ids */
	char *undo;
	char *cost; /* or NULL */

	/* A file, or an attribute of sysfs with its values; of a ROM file `after` is what it is
	 * read from, and `before` whose it is. */
	char *path;
	char *before; /* NULL: there was no file */
	char *after;
	char *by_way_of; /* of an attribute: written before a value that is neither this nor what
			    stands there; NULL: nothing is */

	/* A file. */
	char *real;           /* the file behind it, links followed; NULL in a plan that was read */
	struct strings names; /* the paths it was drafted by: links may give one file several */
	enum file_operation operation;
	char before_sha256[SHA256_HEX], after_sha256[SHA256_HEX]; /* "" without a file */
	char *diff;
	bool executable;     /* a new file is made 0755 instead of 0644 */
	struct strings dirs; /* directories to be made first, outermost first; rollback takes away
				those that are empty */

	/* A command, or the reboot: what runs, found in the system directories; no shell. */
	struct strings argv;

	/* What a command must have done, though it ends well: proxmox-boot-tool skips an ESP with
	 * exit status 0, and what is made may not be what was asked for. Said by whoever plans the
	 * command: which command it is means nothing to what runs it. */
	struct strings must_not_say;
	char *harmless; /* a line with this is fine whatever else it says; or NULL */
	struct strings must_say;
	struct strings entries_with; /* words each boot entry has then */
	struct strings entries_without;
	char *entries_in;  /* a menu with an entry of an installed kernel, or NULL: it is fine if no
			    * entry can be read */
	bool makes_images; /* each initramfs is made again, and holds what the host has then. Such a
			    * command comes before those that make boot entries */

	/* An API call. */
	enum api_stage stage;
	char *method;              /* PUT, POST or DELETE */
	char *api_path;            /* /nodes/pve2/qemu/106/config */
	unsigned vmid;             /* 0: a mapping */
	char *mapping;             /* its name, or NULL */
	struct list params;        /* of struct pve_param; `map` comes once for each entry */
	struct list before_params; /* what those keys held; value NULL: not set. Of a mapping all
				      that it was; none: there was none. Of a start under HA what
				      that was asked for: PLAN_HA_STATE */
	char *digest;              /* of the configuration as planned; NULL: as read back after the
				      call before it, or not used by this call */
	bool waits;                /* the VM runs on: what is set counts after its next stop */
	bool early;                /* made before the plan's reboot, not forecast for after it */
	char *asks_if_said; /* a task that fails saying this has a harder way, which a person is
			     * asked about; or NULL */
	char *equivalent;   /* the qm or pvesh line that does the same; NULL in a plan that
			       is refused */
	char *predicted; /* the diff that Proxmox VE will make in the VM's file, without its secrets
			  * (vm_secret.h), or NULL */
	bool predicted_by_api; /* from the API's values: the file itself was not read */
};

/* What a person must know first, the weightiest kind first. */
enum consequence_kind {
	CONSEQUENCE_REBOOT,
	CONSEQUENCE_STOPS,
	CONSEQUENCE_STAYS_STOPPED,
	CONSEQUENCE_RISK,
	CONSEQUENCE_ISOLATION,
	CONSEQUENCE_CONSOLE,
	CONSEQUENCE_LATER,
};
extern const char *const consequence_names[];
struct consequence {
	enum consequence_kind kind;
	char *subject; /* as of a finding: host, vm/106, 0000:01:00.0, a path */
	char *text;    /* one sentence */
};

struct refusal {
	char *check;
	char *subject;
	char *reason;
	bool acceptable; /* may be accepted by CHECK=SUBJECT */
};

struct plan_conf {
	unsigned vmid;
	char *path;
	char *text; /* after the calls so far */
	enum vm_conf_source source;
	bool running; /* as the plan begins */
};

struct plan {
	struct arena *arena;
	struct goal *goal;
	char *node;
	char *api; /* address of the API that the calls go to, or NULL: pvesh on the node */
	char id[SHA256_HEX];
	struct list changes;  /* of struct change */
	struct list forecast; /* of struct change */
	struct list refusals; /* of struct refusal */
	struct list accepted; /* of struct refusal: what it would be refused for, had it not been
				 accepted by the goal */
	struct list consequences; /* of struct consequence, once it is sealed */
	struct list confs;        /* of struct plan_conf, while the plan is made */
	bool nothing_to_do;
	bool sealed; /* after plan_finish() */
};

struct plan *plan_new(const struct goal *goal, const char *node);
void plan_free(struct plan *plan); /* NULL is fine */

/* The draft of a file: its text so far, NULL where there is none. Lent until the next set. Two
 * paths that lead to one file have one draft. */
int plan_draft(struct plan *plan, const struct root *root, const char *path, const char **ret_text,
		struct error *err);
/* Replace the draft, adding to its reasons. `cost` may be NULL. */
void plan_set_draft(struct plan *plan, const char *path, const char *text, const char *because,
		const char *cost);
/* The file, when it is new, is to be a program. */
void plan_set_executable(struct plan *plan, const char *path);
/* A command after the files it serves; the same argv is kept once. `argv` ends with NULL. The
 * change is lent, to say what is expected of it. */
struct change *plan_add_command(
		struct plan *plan, const char *const *argv, const char *because, const char *undo);
/* One value to an attribute of sysfs. Nothing is planned where it has that value. ERROR_REFUSED
 * where the path does not lead below /sys or could not be put back; ERROR_NOT_HOST where there is
 * no such attribute. `cost` may be NULL. The change is lent, also where it has nothing to do. */
int plan_add_sysfs(struct plan *plan, const struct root *root, const char *path, const char *value,
		const char *because, const char *cost, struct change **ret_change,
		struct error *err);
#define PLAN_ROM_TABLE "/sys/firmware/acpi/tables/VFCT"
/* Save the ROM of a device as a file: what its attribute shows (/sys/bus/pci/devices/…/rom), or
 * what the table has of it. */
void plan_add_rom(struct plan *plan, const char *device, bool table, const char *path,
		const char *because);
void plan_add_reboot(struct plan *plan, const char *because, const char *cost);
/* The same, and the firmware opens its setup instead of booting on. */
void plan_add_reboot_to_setup(struct plan *plan, const char *because, const char *cost);
/* The VM's file as it is, or what the API tells of it: its API calls then show the diff they will
 * make in it. */
void plan_show_conf(struct plan *plan, const struct plan_conf *conf);
/* Add one setting to the call of that stage; `before` is the key's present value or NULL. */
void plan_add_api(struct plan *plan, enum api_stage stage, unsigned vmid, const char *digest,
		const char *key, const char *value, const char *before, const char *because);
/* A call without settings: stop or start. The change is lent. */
struct change *plan_add_api_call(
		struct plan *plan, enum api_stage stage, unsigned vmid, const char *because);
/* The VM runs and is not stopped: what its calls set may wait in PENDING. */
void plan_let_wait(struct plan *plan, unsigned vmid);
/* Create (`before` empty), change, or (`params` empty) delete a mapping; each list is of struct
 * pve_param. Returns the call, lent. */
struct change *plan_add_mapping(struct plan *plan, const char *name, const struct list *params,
		const struct list *before, const char *because);
void plan_refuse(struct plan *plan, const char *check, const char *subject, const char *reason,
		bool acceptable);
/* The same where the goal accepts the risk: it is named with the plan. */
void plan_accept(struct plan *plan, const char *check, const char *subject, const char *reason);
/* Order, number, diff and hash. Call once. */
void plan_finish(struct plan *plan);

bool change_is_file(const struct change *change);
bool change_is_command(const struct change *change);
bool change_is_api(const struct change *change);
bool change_is_reboot(const struct change *change);

/* Among these changes: the call of that stage on the VM, or NULL; and whether there is any call on
 * it before `until` (NULL: at all). */
struct change *plan_find_call(const struct list *changes, enum api_stage stage, unsigned vmid);
bool plan_calls_on(const struct list *changes, unsigned vmid, const struct change *until);
/* For a headline: how many API calls, and reboots, are among `changes`. */
size_t plan_count_calls(const struct list *changes);
size_t plan_count_reboots(const struct list *changes);
/* "2 files, 1 command, 1 reboot"; "nothing" when there are none. */
char *plan_totals_text(struct arena *arena, const struct list *changes);

/* A change in a line: "~ /etc/default/grub", "$ update-grub", "> PUT …/106/config", "! reboot". */
char *change_title(struct arena *arena, const struct change *change);
/* Its whole content: the diff, the argv, or method, path, parameters and the qm line. */
char *change_detail(struct arena *arena, const struct change *change);
/* What undoing it brings back, beyond its `undo`; "" where that says it all. */
char *change_undo_detail(struct arena *arena, const struct change *change);
/* When a rollback comes to it (kind.h). */
bool change_is_undone(const struct change *change);
bool change_is_done_again(const struct change *change);
/* The plan as text for a person. */
char *plan_text(struct arena *arena, const struct plan *plan);

/* schema pvegpu.plan/1; the caller owns the reference. */
json_t *plan_to_json(const struct plan *plan);
/* The plan saved by plan_to_json(). ERROR_PARSE when it is none, or when its id is not the hash of
 * what it would do (it was edited). */
int plan_from_json(const json_t *json, struct plan **ret_plan, struct error *err);
/* The same of a journal, which may be of a version whose ids did not cover the goal. */
int plan_from_journal(const json_t *json, struct plan **ret_plan, struct error *err);

/* Save to a file of the person's choice (mode 0600, replaced if it is there), and read it back.
 * These paths are the person's own, not below the root. */
int plan_save(const struct plan *plan, const char *path, struct error *err);
int plan_load(const char *path, struct plan **ret_plan, struct error *err);

#endif
