/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "core/pve/internal.h"
#include "pvegpu/base/root.h"
#include "pvegpu/base/text.h"

/*
 * The HTTPS transport. HTTP/1.1, because the reason phrase carries Proxmox VE's message; form
 * bodies with every byte of a value escaped (its decoder splits at ';' and at a second '=');
 * nothing is followed elsewhere.
 */
enum {
	CONNECT_TIMEOUT_S = 10,
	GET_TIMEOUT_S = 60,
	CHANGE_TIMEOUT_S = 180,
	TICKET_AGE_S = 3600, /* of the two hours it lives (PVE/AccessControl.pm) */
	TRIES = 3,
};

struct https {
	struct curl_api curl;
	CURL *easy;
	char *base;    /* https://host:8006 */
	char *address; /* host:8006 */
	char *ca_file, *pinned;
	char *proxy, *via;               /* its URL, secret where it has a password; NULL: none */
	char seen[PVE_FINGERPRINT_TEXT]; /* of the last certificate the server showed */
	bool other_certificate;          /* than the one that is pinned */
	long verify_error;

	char *identity;
	char *authorization; /* of a token: a whole header line; secret */
	char *user, *password;
	char *ticket, *csrf; /* secret */
	time_t ticket_time;
	pve_ask_code *ask_code;
	void *ask_user;
	atomic_bool **cancel; /* the client's */
};

static char *copy(const char *text)
{
	char *copied = text ? strdup(text) : NULL;
	if (text && !copied)
		abort(); /* see arena.h */
	return copied;
}

bool pve_same_fingerprint(const char *a, const char *b)
{
	if (strncasecmp(a, "sha256 ", 7) == 0)
		a += 7;
	if (strncasecmp(b, "sha256 ", 7) == 0)
		b += 7;
	for (;;) {
		a += strspn(a, ": ");
		b += strspn(b, ": ");
		if (strncasecmp(a, b, 1) != 0)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

/* Called by libssl in the middle of the handshake, before anything of ours was sent. */
static int verify_certificate(void *store, void *user)
{
	struct https *https = user;
	X509_STORE_CTX *context = store;
	X509 *leaf = https->curl.store_cert(context);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	https->seen[0] = '\0';
	if (leaf && https->curl.digest(leaf, https->curl.sha256(), digest, &n) == 1)
		for (unsigned int i = 0; i < n && i < 32; i++)
			(void)snprintf(https->seen + 3 * (size_t)i,
					sizeof https->seen - 3 * (size_t)i,
					i + 1 < n ? "%02X:" : "%02X", digest[i]);
	if (!https->pinned) {
		int fine = https->curl.verify_cert(context);
		https->verify_error = https->curl.store_error(context);
		return fine;
	}
	bool same = pve_same_fingerprint(https->seen, https->pinned);
	https->other_certificate = !same;
	https->curl.set_store_error(context, same ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return same;
}

static CURLcode on_ssl_context(CURL *easy, void *ssl_ctx, void *user)
{
	struct https *https = user;
	(void)easy;
	https->curl.set_cert_verify_callback(ssl_ctx, verify_certificate, https);
	return CURLE_OK;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *user)
{
	struct answer *answer = user;
	n *= one;
	if (answer->body.n + n > ANSWER_MAX) {
		answer->too_long = true;
		return 0;
	}
	text_add_bytes(&answer->body, bytes, n);
	return n;
}

static size_t on_header(char *bytes, size_t one, size_t n, void *user)
{
	struct answer *answer = user;
	struct arena *arena = answer->arena;
	n *= one;
	char *line = text_trim(arena, bytes, n);
	if (text_starts(line, "HTTP/")) {
		const char *at = line + strcspn(line, " ");
		at += strspn(at, " ");
		at += strcspn(at, " ");
		answer->reason = arena_strdup(arena, at + strspn(at, " "));
	}
	if (strncasecmp(line, "content-type:", 13) == 0)
		answer->content_type = arena_strdup(arena, line + 13);
	if (strncasecmp(line, "location:", 9) == 0)
		answer->location = arena_strdup(arena, line + 9 + strspn(line + 9, " "));
	return n;
}

static bool cancelled(const struct https *https)
{
	return https->cancel && *https->cancel && atomic_load(*https->cancel);
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return cancelled(user);
}

static void add_escaped(struct https *https, struct text *text, const char *value)
{
	char *escaped = https->curl.easy_escape(https->easy, value, 0);
	if (!escaped)
		abort(); /* see arena.h */
	text_add(text, *value ? escaped : "");
	https->curl.free(escaped);
}

static void add_params(struct https *https, struct text *text, const struct list *params)
{
	for (size_t i = 0; params && i < params->n; i++) {
		const struct pve_param *param = params->item[i];
		text_add(text, i ? "&" : "");
		add_escaped(https, text, param->key);
		text_add(text, "=");
		add_escaped(https, text, param->value);
	}
}

static char *make_url(struct https *https, struct arena *arena, const char *path,
		const struct list *query)
{
	struct text text = {0};
	text_addf(&text, "%s/api2/json", https->base);
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");
		add_escaped(https, &text, arena_strndup(arena, at, n));
		text_add(&text, at[n] ? "/" : "");
		at += n + (at[n] == '/');
	}
	if (query && query->n) {
		text_add(&text, "?");
		add_params(https, &text, query);
	}
	return text_take(&text, arena);
}

/* The certificate is not one we can trust: which, and how a person finds out. */
static int trust_error(struct https *https, CURLcode code, struct error *err)
{
	if (https->other_certificate) {
		(void)error_set(err, ERROR_TRUST,
				"the certificate of %s is not the pinned one any more: it is %s now, pinned is %s",
				https->address, https->seen, https->pinned);
		error_hint(err, "if it was renewed, compare it on the node (pvenode cert info) and "
				"give --fingerprint; if not, somebody may stand between you and "
				"it");
		return ERROR_TRUST;
	}
	if (code == CURLE_SSL_CACERT_BADFILE)
		return error_set(err, ERROR_TRUST, "cannot read the certificates in '%s'",
				https->ca_file ? https->ca_file : "");
	(void)error_set(err, ERROR_TRUST, "nobody known here vouches for %s (%s)", https->address,
			https->verify_error
					? https->curl.verify_cert_error_string(https->verify_error)
					: "its certificate is for another name");
	error_hint(err, "compare its fingerprint with the node's own screen (System, Certificates), then: --fingerprint %s",
			https->seen);
	return ERROR_TRUST;
}

/* Say in plain words what went wrong before an answer came. 0 where answer_judge() says it. */
static int connect_error(
		struct https *https, CURLcode code, const struct answer *answer, struct error *err)
{
	const char *address = https->address;
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
		return trust_error(https, code, err);
	if (code == CURLE_WRITE_ERROR && answer->too_long)
		return 0;
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return error_set(err, ERROR_CONNECT, "there is no host of the name in '%s'",
				address);
	if (https->via && (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_PROXY)) {
		(void)error_set(err, ERROR_CONNECT, "the proxy %s cannot be reached", https->via);
		error_hint(err, "--proxy none goes to %s without one", address);
		return ERROR_CONNECT;
	}
	if (code == CURLE_COULDNT_CONNECT) {
		long number = 0;
		(void)https->curl.easy_getinfo(https->easy, CURLINFO_OS_ERRNO, &number);
		(void)error_set(err, ERROR_CONNECT, "nothing answers at %s: %s", address,
				number ? strerrordesc_np((int)number) : "cannot connect");
		error_hint(err, "Proxmox VE's API is on port 8006 of each node");
		return ERROR_CONNECT;
	}
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(err, ERROR_CONNECT, "%s does not answer in time", address);
	if (code == CURLE_SSL_CONNECT_ERROR) {
		(void)error_set(err, ERROR_CONNECT, "%s does not speak TLS as it should", address);
		error_hint(err, "Proxmox VE's API is https, on port 8006");
		return ERROR_CONNECT;
	}
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return error_set(err, ERROR_STOPPED, "the call to %s was given up, as asked",
				address);
	return error_set(err, ERROR_CONNECT, "the connection to %s%s%s broke off: %s", address,
			https->via ? " by the proxy " : "", https->via ? https->via : "",
			https->curl.easy_strerror(code));
}

/* One request. `authorized` false: the login itself. */
static CURLcode perform(struct https *https, const char *method, const char *path,
		const struct list *params, bool authorized, struct answer *answer)
{
	const struct curl_api *curl = &https->curl;
	CURL *easy = https->easy;
	bool get = strcmp(method, "GET") == 0;
	bool query = get || strcmp(method, "DELETE") == 0;
	struct text body = {0};
	struct curl_slist *headers = NULL;
	char *cookie = NULL;
	curl->easy_reset(easy);
	const char *url = make_url(https, answer->arena, path, query ? params : NULL);
	(void)curl->easy_setopt(easy, CURLOPT_URL, url);
	(void)curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	(void)curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Said, not found in the environment; what is for the node is not for the proxy. */
	(void)curl->easy_setopt(easy, CURLOPT_PROXY, https->proxy ? https->proxy : "");
	(void)curl->easy_setopt(easy, CURLOPT_NOPROXY, "");
	(void)curl->easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	(void)curl->easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* On a connection that was kept libcurl sends a request again by itself when the server has
	 * closed it meanwhile: a change must not be made twice. */
	if (!get)
		(void)curl->easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	(void)curl->easy_setopt(easy, CURLOPT_USERAGENT, "pvegpu/" PVEGPU_VERSION);
	(void)curl->easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	(void)curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	(void)curl->easy_setopt(
			easy, CURLOPT_TIMEOUT, (long)(get ? GET_TIMEOUT_S : CHANGE_TIMEOUT_S));
	if (https->ca_file)
		(void)curl->easy_setopt(easy, CURLOPT_CAINFO, https->ca_file);
	(void)curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	/* A pinned certificate is the very one, whatever name is in it. */
	(void)curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, https->pinned ? 0L : 2L);
	(void)curl->easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context);
	(void)curl->easy_setopt(easy, CURLOPT_SSL_CTX_DATA, https);
	(void)curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl->easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	(void)curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl->easy_setopt(easy, CURLOPT_HEADERDATA, answer);
	if (get) { /* what changes something is not cut off */
		(void)curl->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
		(void)curl->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		(void)curl->easy_setopt(easy, CURLOPT_XFERINFODATA, https);
	}
	if (!query) {
		add_params(https, &body, params);
		(void)curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body.n);
		(void)curl->easy_setopt(easy, CURLOPT_POSTFIELDS, text_string(&body));
	}
	/* "Expect: 100-continue" only costs a second with some servers. */
	headers = curl->slist_append(headers, "Expect:");
	if (authorized && https->authorization)
		headers = curl->slist_append(headers, https->authorization);
	if (authorized && https->ticket) {
		struct text text = {0};
		text_add(&text, "PVEAuthCookie=");
		add_escaped(https, &text, https->ticket);
		cookie = copy(text_string(&text));
		explicit_bzero(text.data, text.n);
		text_free(&text);
		(void)curl->easy_setopt(easy, CURLOPT_COOKIE, cookie);
		text_addf(&text, "CSRFPreventionToken: %s", https->csrf ? https->csrf : "");
		if (!get)
			headers = curl->slist_append(headers, text_string(&text));
		text_free(&text);
	}
	(void)curl->easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	https->other_certificate = false;
	https->verify_error = 0;
	CURLcode code = curl->easy_perform(easy);
	(void)curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
	for (struct curl_slist *at = headers; at; at = at->next)
		explicit_bzero(at->data, strlen(at->data));
	curl->slist_free_all(headers);
	secret_free(cookie);
	if (body.n)
		explicit_bzero(body.data, body.n);
	text_free(&body);
	return code;
}

/* Nothing was sent, or asking again changes nothing. */
static bool may_repeat(CURLcode code, bool get, const struct answer *answer)
{
	if (code == CURLE_COULDNT_CONNECT)
		return true;
	if (code == CURLE_OK)
		return get &&
		       (answer->status == 502 || answer->status == 503 || answer->status == 504);
	return get && (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
				      code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE);
}

/* A request and its judgement, repeated where that is safe. */
static int request(struct https *https, const char *method, const char *path,
		const struct list *params, bool authorized, json_t **ret_data, struct error *err)
{
	bool get = strcmp(method, "GET") == 0;
	for (int try = 1;; try++) {
		struct answer answer = {.arena = arena_new()};
		CURLcode code = perform(https, method, path, params, authorized, &answer);
		int status = code == CURLE_OK ? 0 : connect_error(https, code, &answer, err);
		bool again = try < TRIES && may_repeat(code, get, &answer) && !cancelled(https);
		if (!again && status == 0)
			status = answer_judge(&answer, https->address,
					authorized ? https->identity : NULL, method, path, ret_data,
					err);
		text_free(&answer.body);
		arena_free(answer.arena);
		if (!again)
			return status;
		(void)nanosleep(&(struct timespec){.tv_nsec = 200L * 1000 * 1000 * try}, NULL);
	}
}

static int ask_ticket(struct https *https, const char *password, const char *challenge,
		json_t **ret_data, struct error *err)
{
	static const char path[] = "/access/ticket";
	struct arena *arena = arena_new();
	struct list params = {0};
	pve_param_add(arena, &params, "username", https->user);
	pve_param_add(arena, &params, "password", password);
	if (challenge)
		pve_param_add(arena, &params, "tfa-challenge", challenge);
	int status = request(https, "POST", path, &params, false, ret_data, err);
	for (size_t i = 0; i < params.n; i++) {
		struct pve_param *param = params.item[i];
		explicit_bzero(param->value, strlen(param->value));
	}
	arena_free(arena);
	return status;
}

/* The second factor: a one-time code, with the first answer's ticket as challenge. */
static int ask_second(struct https *https, json_t **data, struct error *err)
{
	char code[64] = "";
	char *challenge = copy(json_string_value(json_object_get(*data, "ticket")));
	json_decref(*data);
	*data = NULL;
	int status = 0;
	if (!challenge || !https->ask_code ||
			!https->ask_code(https->ask_user, https->user, code, sizeof code)) {
		(void)error_set(err, ERROR_LOGIN,
				"%s must log in with a second factor, and no code was given",
				https->user);
		error_hint(err, "start pvegpu (again) on a terminal to be asked for it, or use an API token");
		status = ERROR_LOGIN;
	}
	if (status == 0) {
		char password[80];
		(void)snprintf(password, sizeof password, "totp:%s", code);
		struct error error = {0};
		status = ask_ticket(https, password, challenge, data, &error);
		explicit_bzero(password, sizeof password);
		if (status < 0 && error.http == 401)
			status = error_set(&error, ERROR_LOGIN,
					"%s does not accept that code of %s; each counts once",
					https->address, https->user);
		if (status < 0 && err)
			*err = error;
	}
	explicit_bzero(code, sizeof code);
	secret_free(challenge);
	return status;
}

static int take_ticket(struct https *https, const json_t *data, struct error *err)
{
	const char *ticket = json_string_value(json_object_get(data, "ticket"));
	const char *csrf = json_string_value(json_object_get(data, "CSRFPreventionToken"));
	if (!ticket || !csrf)
		return error_set(err, ERROR_LOGIN, "%s gave no ticket for %s", https->address,
				https->user);
	secret_free(https->ticket);
	secret_free(https->csrf);
	https->ticket = copy(ticket);
	https->csrf = copy(csrf);
	https->ticket_time = time(NULL);
	return 0;
}

/* Log in; `renew`: by the ticket there is, which stands for a password as long as it lives. */
static int log_in(struct https *https, bool renew, struct error *err)
{
	json_t *data = NULL;
	int status = ask_ticket(https, renew ? https->ticket : https->password, NULL, &data, err);
	const json_t *second = json_object_get(data, "NeedTFA");
	if (status == 0 && (json_is_true(second) || json_integer_value(second)))
		status = ask_second(https, &data, err);
	if (status == 0)
		status = take_ticket(https, data, err);
	if (status < 0 && err && err->http == 401)
		(void)error_set(err, ERROR_LOGIN, "%s does not know %s with that password",
				https->address, https->user);
	json_decref(data);
	return status;
}

static int https_call(void *self, const char *method, const char *path, const struct list *params,
		process_line *line, void *user, json_t **ret_data, struct error *err)
{
	struct https *https = self;
	struct error error = {0};
	(void)line;
	(void)user;
	if (https->ticket && time(NULL) - https->ticket_time > TICKET_AGE_S)
		(void)log_in(https, true, NULL); /* if not, the call itself says so */
	int status = request(https, method, path, params, true, ret_data, &error);
	/* A ticket that has run out: the call was not made, so it is safe to make it again. */
	if (status == ERROR_LOGIN && https->user && error.http == 401 &&
			log_in(https, false, &error) == 0)
		status = request(https, method, path, params, true, ret_data, &error);
	if (status < 0 && err)
		*err = error;
	return status;
}

static void https_close(void *self)
{
	struct https *https = self;
	if (https->easy)
		https->curl.easy_cleanup(https->easy);
	secret_free(https->authorization);
	secret_free(https->password);
	secret_free(https->ticket);
	secret_free(https->csrf);
	free(https->user);
	free(https->identity);
	free(https->base);
	free(https->address);
	free(https->ca_file);
	free(https->pinned);
	secret_free(https->proxy);
	free(https->via);
	free(https);
}

static const struct pve_transport https_transport = {
		.name = "https", .call = https_call, .close = https_close};

/* libssl would wait at a pipe for ever. */
static int check_ca_file(const char *path, struct error *err)
{
	int fd = -1;
	int status = root_open_file(NULL, path, &fd, NULL, err);
	if (status == 0)
		(void)close(fd);
	return status;
}

static int open_login(struct https *https, const struct pve_login *login, struct arena *arena,
		struct error *err)
{
	char *host = NULL;
	int port = 0;
	int status = pve_parse_url(arena, login->url, &host, &port, err);
	if (status == 0 && login->ca_file)
		status = check_ca_file(login->ca_file, err);
	if (status < 0)
		return status;
	bool v6 = strchr(host, ':') != NULL;
	https->address = copy(arena_printf(arena, v6 ? "[%s]:%d" : "%s:%d", host, port));
	https->base = copy(arena_printf(arena, "https://%s", https->address));
	https->ca_file = copy(login->ca_file);
	https->pinned = copy(login->fingerprint);
	https->proxy = copy(login->proxy);
	https->via = copy(login->via);
	https->ask_code = login->ask_code;
	https->ask_user = login->ask_user;
	char *token = login->token ? pve_parse_token(arena, login->token) : NULL;
	if (login->token && !token)
		return error_set(err, ERROR_USAGE,
				"that is no API token: it has the form USER@REALM!ID=SECRET");
	if (token) {
		char *header = arena_printf(arena, "Authorization: PVEAPIToken=%s", token);
		https->authorization = copy(header);
		https->identity = copy(arena_strndup(arena, token, strcspn(token, "=")));
		explicit_bzero(header, strlen(header));
		explicit_bzero(token, strlen(token));
	} else if (login->user && login->password) {
		if (!strchr(login->user, '@'))
			return error_set(err, ERROR_USAGE,
					"'%s' is no user of Proxmox VE: name the realm too, %s@pam or %s@pve",
					login->user, login->user, login->user);
		https->user = copy(login->user);
		https->identity = copy(login->user);
		https->password = copy(login->password);
	} else {
		(void)error_set(err, ERROR_USAGE, "neither a token nor a user with a password");
		error_hint(err, "--token-file FILE, the variable PVEGPU_TOKEN, or --user USER@REALM");
		return ERROR_USAGE;
	}
	status = curl_load(&https->curl, err);
	if (status == 0) {
		https->easy = https->curl.easy_init();
		if (!https->easy)
			abort(); /* see arena.h */
	}
	return status;
}

int pve_open_https(const struct pve_login *login, char ret_fingerprint[PVE_FINGERPRINT_TEXT],
		struct pve_client **ret_client, struct error *err)
{
	struct https *https = calloc(1, sizeof *https);
	if (!https)
		abort(); /* see arena.h */
	struct arena *arena = arena_new();
	ret_fingerprint[0] = '\0';
	int status = open_login(https, login, arena, err);
	if (status == 0 && https->user)
		status = log_in(https, false, err);
	json_t *version = NULL;
	if (status == 0)
		status = request(https, "GET", "/version", NULL, true, &version, err);
	json_decref(version);
	memcpy(ret_fingerprint, https->seen, PVE_FINGERPRINT_TEXT);
	if (status == 0) {
		*ret_client = pve_client_new(
				&https_transport, https, https->identity, https->address);
		https->cancel = &(*ret_client)->cancel;
		(*ret_client)->via = copy(https->via);
	} else {
		https_close(https);
	}
	arena_free(arena);
	return status;
}
