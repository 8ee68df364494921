/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "tests/pvesim/access.h"

/*
 * Logging in. Tickets are remembered by their text rather than signed: a test can then end one at
 * will. {text: {"user", "csrf", "made" (ms), "uses", "challenge"}}.
 */

static char *random_text(struct arena *arena, size_t bytes)
{
	static const char letters[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char random[96];
	if (bytes > sizeof random || RAND_bytes(random, (int)bytes) != 1)
		abort();
	char *text = arena_alloc(arena, bytes + 1);
	for (size_t i = 0; i < bytes; i++)
		text[i] = letters[random[i] % 64];
	return text;
}

static bool same(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char differs = strlen(b) != n;
	for (size_t i = 0; !differs && i < n; i++)
		differs = (unsigned char)(differs | (a[i] ^ b[i]));
	return !differs;
}

static size_t base32_decode(const char *text, unsigned char *out, size_t size)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned long bits = 0;
	int count = 0;
	size_t n = 0;
	for (; *text && *text != '='; text++) {
		const char *at = strchr(letters, *text);
		if (!at)
			continue;
		bits = (bits << 5) | (unsigned long)(at - letters);
		count += 5;
		if (count >= 8 && n < size) {
			count -= 8;
			out[n++] = (unsigned char)(bits >> count);
		}
		bits &= 0xfff;
	}
	return n;
}

/* RFC 6238 with SHA-1, six digits, 30 seconds: the code of a time step. */
static unsigned long totp(const char *secret, uint64_t step)
{
	unsigned char key[64];
	unsigned char counter[8];
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	size_t n = base32_decode(secret, key, sizeof key);
	for (int i = 7; i >= 0; i--) {
		counter[i] = (unsigned char)step;
		step >>= 8;
	}
	if (!HMAC(EVP_sha1(), key, (int)n, counter, sizeof counter, mac, &length) || length < 20)
		return 1000000;
	size_t at = mac[19] & 15;
	unsigned long code = ((unsigned long)(mac[at] & 0x7f) << 24) |
			     ((unsigned long)mac[at + 1] << 16) |
			     ((unsigned long)mac[at + 2] << 8) | mac[at + 3];
	return code % 1000000;
}

/* The step before, the present one and the next one are good; none is good twice. */
static bool totp_is_valid(struct sim *sim, const char *user, const char *secret, const char *code)
{
	unsigned long given = 0;
	if (strlen(code) != 6 || !text_to_ulong(code, 10, 999999, &given))
		return false;
	json_int_t now = (json_int_t)(now_ms() / 1000 / 30);
	json_int_t used = json_integer_value(json_object_get(sim->totp_used, user));
	for (json_int_t step = now - 1; step <= now + 1; step++) {
		if (step > used && totp(secret, (uint64_t)step) == given) {
			json_object_set_new(sim->totp_used, user, json_integer(step));
			return true;
		}
	}
	return false;
}

static void forget_if_over(struct sim *sim, const char *ticket)
{
	json_t *about = json_object_get(sim->tickets, ticket);
	long lifetime = setting_number(sim, "ticket_lifetime_s", 7200);
	long most = setting_number(sim, "ticket_lifetime_requests", 0);
	int64_t made = json_integer_value(json_object_get(about, "made"));
	json_int_t uses = json_integer_value(json_object_get(about, "uses"));
	if (about && (now_ms() - made > (int64_t)lifetime * 1000 || (most && uses >= most)))
		json_object_del(sim->tickets, ticket);
}

static json_t *ticket_about(struct sim *sim, const char *ticket, bool challenge)
{
	forget_if_over(sim, ticket);
	json_t *about = json_object_get(sim->tickets, ticket);
	return setting_true(about, "challenge", false) == challenge ? about : NULL;
}

const char *ticket_user(struct sim *sim, const char *ticket)
{
	json_t *about = ticket_about(sim, ticket, false);
	if (!about)
		return NULL;
	json_object_set_new(about, "uses",
			json_integer(json_integer_value(json_object_get(about, "uses")) + 1));
	return hash_get(about, "user");
}

bool ticket_csrf_is_valid(const struct sim *sim, const char *ticket, const char *token)
{
	const char *right = hash_get(json_object_get(sim->tickets, ticket), "csrf");
	return right && token && same(right, token);
}

static const char *make_ticket(struct call *call, const char *user, bool challenge)
{
	unsigned long now = (unsigned long)(now_ms() / 1000);
	const char *ticket = arena_printf(call->arena,
			"PVE:%s%s:%08lX::%s==", challenge ? "!tfa!%7B%22totp%22%3Atrue%7D" : "",
			challenge ? "" : user, now, random_text(call->arena, 86));
	const char *csrf = arena_printf(call->arena, "%08lX:%s", now, random_text(call->arena, 43));
	json_object_set_new(call->sim->tickets, ticket,
			json_pack("{s:s,s:s,s:I,s:i,s:b}", "user", user, "csrf", csrf, "made",
					(json_int_t)now_ms(), "uses", 0, "challenge", challenge));
	return ticket;
}

/* compute_api_permission: what the GUI shows, by the first part of a path. */
static json_t *capabilities(struct call *call, const char *user)
{
	static const struct {
		const char *path, *name, *pattern;
	} parts[] = {
			{"/", "dc", "^(?:Sys\\.Audit|Sys\\.Modify|SDN\\.)"},
			{"/nodes", "nodes", "^(?:Sys\\.|Permissions\\.Modify)"},
			{"/access/groups", "access", "^(?:User\\.|Group\\.|Permissions\\.Modify)"},
			{"/vms", "vms", "^(?:VM\\.|Permissions\\.Modify)"},
			{"/storage", "storage", "^(?:Datastore\\.|Permissions\\.Modify)"},
			{"/sdn", "sdn", "^(?:SDN\\.|Permissions\\.Modify)"},
			{"/mapping", "mapping", "^(?:Mapping\\.|Permissions.Modify)"},
	};
	json_t *cap = json_object();
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		json_t *granted = access_permissions(call, user, parts[i].path);
		json_t *shown = json_object();
		const char *privilege = NULL;
		json_t *value = NULL;
		json_object_foreach(granted, privilege, value)
		{
			if (rx_test(parts[i].pattern, privilege))
				json_object_set_new(shown, privilege, json_integer(1));
		}
		json_object_set_new(cap, parts[i].name, shown);
		json_decref(granted);
	}
	return cap;
}

static int answer(struct call *call, const char *user, bool challenge)
{
	const char *ticket = make_ticket(call, user, challenge);
	const char *cluster = hash_get(call->sim->settings, "cluster");
	call->result = json_pack("{s:s,s:s}", "ticket", ticket, "username", user);
	if (challenge) {
		json_object_set_new(call->result, "NeedTFA", json_integer(1));
	} else {
		json_object_set_new(call->result, "cap", capabilities(call, user));
	}
	hash_set(call->result, "CSRFPreventionToken",
			hash_get(json_object_get(call->sim->tickets, ticket), "csrf"));
	if (cluster && access_allows_user(call, user, "/", "Sys.Audit"))
		hash_set(call->result, "clustername", cluster);
	return 0;
}

static int refuse(struct call *call)
{
	call->code = 0; /* why it failed is not told */
	call->errors = NULL;
	return fail(call, 401, "authentication failure");
}

static int second_step(
		struct call *call, const char *user, const char *challenge, const char *password)
{
	json_t *about = ticket_about(call->sim, challenge, true);
	json_t *known = json_object_get(json_object_get(call->sim->settings, "users"), user);
	const char *secret = hash_get(known, "totp");
	if (!about || strcmp(hash_get(about, "user"), user) != 0 || !secret)
		return refuse(call);
	if (!text_starts(password, "totp:") ||
			!totp_is_valid(call->sim, user, secret, password + strlen("totp:")))
		return refuse(call);
	json_object_del(call->sim->tickets, challenge);
	return answer(call, user, false);
}

int ticket_login(struct call *call)
{
	const char *user = param_get(call, "username");
	const char *realm = param_get(call, "realm");
	const char *password = param_get(call, "password");
	const char *challenge = param_get(call, "tfa-challenge");
	if (!strchr(user, '@') && realm)
		user = arena_printf(call->arena, "%s@%s", user, realm);
	if (param_given(call, "otp") && challenge)
		return fail_param(call, "otp", "cannot be used with tfa-challenge");
	json_t *known = json_object_get(json_object_get(call->sim->settings, "users"), user);
	const char *right = hash_get(known, "password");
	if (strchr(user, '!') || access_check_user(call, user) < 0)
		return refuse(call);
	if (challenge)
		return second_step(call, user, challenge, password);
	/* A ticket stands for the password it was given for. */
	const char *owner = text_starts(password, "PVE:") ? ticket_user(call->sim, password) : NULL;
	if (owner && strcmp(owner, user) == 0)
		return answer(call, user, false);
	if (!right || !same(right, password))
		return refuse(call);
	return answer(call, user, hash_get(known, "totp") != NULL);
}

const char *token_user(struct call *call, const char *header)
{
	struct rx rx;
	if (!rx_match(call->arena, "^PVEAPIToken[= ]([^=;]+)=([^;]*)", RX_BYTES, header, &rx))
		return NULL;
	const char *right = hash_get(json_object_get(call->sim->settings, "tokens"), rx.group[1]);
	return right && same(right, rx.group[2]) ? rx.group[1] : NULL;
}
