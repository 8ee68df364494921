/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pvegpu/base/text.h"
#include "pvegpu/capture/capture.h"
#include "pvegpu/pve/cluster.h"
#include "pvegpu/pve/login.h"
#include "pvegpu/pve/proxy.h"
#include "tui/prompt.h"
#include "tui/say.h"
#include "tui/term.h"

static bool ask_code(void *user, const char *who, char *ret_code, size_t size)
{
	char question[160];
	(void)user;
	if (stdscr && !isendwin())
		return false; /* the wizard's screens are up, and its keys are read by them */
	(void)snprintf(question, sizeof question, "One-time code (TOTP) of %.100s: ", who);
	return prompt(question, true, ret_code, size);
}

/* One thread so far. */
static const char *environment(const char *name)
{
	const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe) */
	return value && *value ? value : NULL;
}

/* Who we are and how that is shown. False when a person gave up, or nobody could be asked. */
static int find_login(const struct options *options, struct arena *arena,
		struct pve_profile *profile, struct pve_login *login, struct error *err)
{
	char line[512] = "";
	char *token = NULL;
	const char *file = options->token_file;
	const char *user = options->user;
	if (file && user) {
		(void)error_set(err, ERROR_USAGE, "--token-file and --user are two logins");
		error_hint(err, "give the one that is meant");
		return ERROR_USAGE;
	}
	if (!file && !user && !environment("PVEGPU_TOKEN"))
		file = profile->token_file;
	if (file) {
		int status = pve_token_file(arena, file, &token, err);
		if (status < 0)
			return status;
		login->token = token;
		/* Kept as a whole path: the next run may be from another directory. */
		char *path = realpath(file, NULL);
		profile->token_file = arena_strdup(arena, path ? path : file);
		profile->user = NULL; /* the last login counts, and it is this one */
		free(path);
		return 0;
	}
	if (!user && environment("PVEGPU_TOKEN")) {
		login->token = environment("PVEGPU_TOKEN");
		return 0;
	}
	if (!user)
		user = profile->user;
	if (!user && prompt("Log in as (USER@REALM, or USER@REALM!TOKENID) [root@pam]: ", false,
				     line, sizeof line))
		user = arena_strdup(arena, line);
	else if (!user && isatty(STDIN_FILENO))
		user = "root@pam";
	if (!user) {
		(void)error_set(err, ERROR_USAGE, "nothing says who to log in as at %s",
				options->api);
		error_hint(err, "--token-file FILE, the variable PVEGPU_TOKEN, or --user USER@REALM on a terminal");
		return ERROR_USAGE;
	}
	profile->user = arena_strdup(arena, user);
	profile->token_file = NULL;
	const char *question = arena_printf(arena,
			strchr(user, '!') ? "Secret of the token %s: " : "Password of %s: ", user);
	const char *password = environment("PVEGPU_PASSWORD");
	if (!password && prompt(question, true, line, sizeof line))
		password = arena_strdup(arena, line);
	explicit_bzero(line, sizeof line);
	if (!password) {
		(void)error_set(err, ERROR_USAGE, "no password for %s was given", user);
		error_hint(err, "run it on a terminal, set PVEGPU_PASSWORD, or use a token file");
		return ERROR_USAGE;
	}
	if (strchr(user, '!')) {
		login->token = arena_printf(arena, "%s=%s", user, password);
	} else {
		login->user = user;
		login->password = password;
	}
	return 0;
}

/* Nobody vouches for it: the person compares. True: it is the node's. */
static bool ask_trust(const char *address, const char *fingerprint)
{
	char line[64] = "";
	say(stderr,
			"\nNobody known to this machine vouches for the certificate of %s.\n"
			"Its SHA-256 fingerprint is\n\n    %.47s\n    %s\n\n"
			"Compare it with the node itself: in the web interface under the node, "
			"System,\nCertificates (pve-ssl.pem); or on its console: pvenode cert "
			"info\n",
			address, fingerprint, strlen(fingerprint) > 48 ? fingerprint + 48 : "");
	return prompt("Type yes if they are the same; it is remembered then: ", false, line,
			       sizeof line) &&
	       strcmp(line, "yes") == 0;
}

static int connect_to(const struct options *options, struct arena *arena, struct pve_login *login,
		struct pve_profile *profile, struct pve_client **ret_client, struct error *err)
{
	static const char own_ca[] = "/etc/pve/pve-root-ca.pem";
	char seen[PVE_FINGERPRINT_TEXT];
	struct root *here = NULL;
	bool local = !options->ca_file && !login->fingerprint &&
		     root_open(NULL, &here, NULL) == 0 && root_exists(here, own_ca);
	root_close(here);
	if (local)
		login->ca_file = own_ca;
	int status = pve_open_https(login, seen, ret_client, err);
	if (local && status == ERROR_TRUST) { /* a certificate of a public authority, perhaps */
		login->ca_file = NULL;
		status = pve_open_https(login, seen, ret_client, err);
	}
	if (status != ERROR_TRUST || login->fingerprint || !seen[0] || !isatty(STDIN_FILENO))
		return status;
	if (!ask_trust(options->api, seen))
		return status;
	login->fingerprint = profile->fingerprint = arena_strdup(arena, seen);
	return pve_open_https(login, seen, ret_client, err);
}

/* The journal belongs to the cluster, by whatever address it is reached. */
static int open_journal(struct pve_client *client, const char *host, int port, struct arena *arena,
		struct root **ret_root, struct error *err)
{
	const char *state = environment("XDG_STATE_HOME");
	const char *home = environment("HOME");
	const char *base = state ? arena_printf(arena, "%s/pvegpu", state)
				 : arena_printf(arena, "%s/.local/state/pvegpu",
						   home ? home : "/root");
	struct pve_cluster cluster;
	char *note = NULL;
	pve_cluster_read(client, arena, &cluster);
	const char *dir = pve_cluster_dir(arena, base, &cluster, host, port, &note);
	if (note)
		say(stderr, "pvegpu: %s\n", note);
	int status = root_open_remote(dir, ret_root, err);
	if (status == 0 && cluster.authority)
		pve_cluster_describe(arena, dir, &cluster, client->address);
	return status;
}

/* The first of these variables that is set, as libcurl looks for them. */
static const char *first_set(const char *const *names, const char **ret_name)
{
	const char *value = NULL;
	for (; !value && *names; names++) {
		value = environment(*names);
		*ret_name = value ? *names : NULL;
	}
	return value;
}

static int find_proxy(const struct options *options, const char *host, int port,
		struct arena *arena, struct pve_login *login, struct error *err)
{
	static const char *const proxies[] = {
			"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	static const char *const exceptions[] = {"no_proxy", "NO_PROXY", NULL};
	const char *name = NULL;
	struct pve_proxy_wish wish = {.option = options->proxy};
	wish.no_proxy = first_set(exceptions, &name);
	wish.url = first_set(proxies, &wish.variable);
	struct pve_proxy proxy;
	int status = pve_proxy_choose(arena, host, port, &wish, &proxy, err);
	if (status < 0)
		return status;
	login->proxy = proxy.url;
	login->via = proxy.via;
	if (proxy.note)
		say(stderr, "pvegpu: %s\n", proxy.note);
	if (proxy.via)
		say(stderr, "pvegpu: %s is reached by the proxy %s\n", host, proxy.via);
	return 0;
}

static int open_remote(const struct options *options, struct host *ret_host, struct error *err)
{
	struct arena *arena = arena_new();
	char *host = NULL;
	int port = 0;
	struct pve_profile profile = {0};
	struct pve_login login = {
			.url = options->api, .ca_file = options->ca_file, .ask_code = ask_code};
	/* A crash must not leave the secret in a file. */
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	int status = pve_parse_url(arena, options->api, &host, &port, err);
	const char *home = environment("HOME");
	if (status == 0)
		status = pve_profile_load(arena, home, environment("XDG_CONFIG_HOME"), host, port,
				&profile, err);
	if (status == 0 && options->fingerprint)
		profile.fingerprint = arena_strdup(arena, options->fingerprint);
	if (status == 0 && options->node)
		profile.node = arena_strdup(arena, options->node);
	login.fingerprint = profile.fingerprint;
	if (status == 0)
		status = find_proxy(options, host, port, arena, &login, err);
	if (status == 0)
		status = find_login(options, arena, &profile, &login, err);
	struct pve_client *client = NULL;
	if (status == 0)
		status = connect_to(options, arena, &login, &profile, &client, err);
	struct host opened = {.client = client};
	if (status == 0)
		status = open_journal(client, host, port, arena, &opened.root, err);
	if (status == 0)
		(void)pve_profile_save(&profile, NULL); /* a convenience: not a reason to fail */
	if (status == 0 && profile.node)
		host_set_node(&opened, profile.node);
	if (status < 0)
		pve_close(client);
	else
		*ret_host = opened;
	arena_free(arena);
	return status;
}

int host_open(const struct options *options, struct host *ret_host, struct error *err)
{
	if (options->api)
		return open_remote(options, ret_host, err);
	struct host host = {0};
	int status = 0;
	if (options->root && capture_is_file(options->root))
		status = capture_unpack(options->root, &host.unpacked, err);
	if (status == 0)
		status = root_open(host.unpacked ? host.unpacked : options->root, &host.root, err);
	if (status == 0 && options->run_scripts)
		status = root_run_scripts(host.root, err);
	else if (status == 0)
		root_sandbox_scripts(host.root);
	if (status == 0)
		*ret_host = host;
	else
		host_close(&host);
	return status;
}

const char *host_undo_command(struct arena *arena, const struct host *host)
{
	const struct root *root = host->root;
	if (host_is_remote(host))
		return arena_printf(
				arena, "pvegpu rollback --api https://%s", host->client->address);
	if (!root_dir(root)[0])
		return "pvegpu rollback";
	bool scripts = root_kind(root) == ROOT_SAMPLE && !root_is_sandboxed(root);
	return arena_printf(arena, "pvegpu rollback --root %s%s",
			text_shell_quote(arena, root_dir(root)), scripts ? " --run-scripts" : "");
}
