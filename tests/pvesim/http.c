/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/pvesim/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/pvesim/qemu.h"

enum {
	HEADER_MAX = 8 * 1024 * 8, /* 64 lines of at most 8 KiB, as in AnyEvent.pm */
	BODY_MAX = 512 * 1024,
	IDLE_MS = 5000,
	TICK_MS = 50,
};

struct connection {
	struct server *server;
	int socket;
	SSL *tls;
	struct text in;
	bool unread; /* a body that was too large is still coming */
};

/* Wait for the socket; false when it takes too long or the server ends. */
static bool wait_for(const struct connection *connection, short events, int most_ms)
{
	struct pollfd poll_one = {.fd = connection->socket, .events = events};
	for (int waited = 0; waited < most_ms; waited += TICK_MS) {
		if (connection->server->stopping)
			return false;
		int ready = poll(&poll_one, 1, TICK_MS);
		if (ready != 0)
			return ready > 0;
	}
	return false;
}

static bool retry(const struct connection *connection, int result, int most_ms)
{
	int error = SSL_get_error(connection->tls, result);
	if (error == SSL_ERROR_WANT_READ)
		return wait_for(connection, POLLIN, most_ms);
	return error == SSL_ERROR_WANT_WRITE && wait_for(connection, POLLOUT, most_ms);
}

static bool read_more(struct connection *connection)
{
	char part[16384];
	for (;;) {
		int n = SSL_read(connection->tls, part, sizeof part);
		if (n > 0) {
			text_add_bytes(&connection->in, part, (size_t)n);
			return true;
		}
		if (!retry(connection, n, IDLE_MS))
			return false;
	}
}

static bool send_all(struct connection *connection, const char *bytes, size_t n)
{
	while (n) {
		int sent = SSL_write(connection->tls, bytes, n > 65536 ? 65536 : (int)n);
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		} else if (!retry(connection, sent, 20000)) {
			return false;
		}
	}
	return true;
}

static char *header_value(struct arena *arena, const char *head, const char *name)
{
	size_t n = strlen(name);
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':')
			return text_trim(arena, line + n + 1, strcspn(line + n + 1, "\r"));
	}
	return NULL;
}

/* Take one request out of what was read; false: nothing sensible came. */
static bool read_request(struct connection *connection, struct request *request, size_t *ret_length)
{
	char *end = NULL;
	while (!(end = connection->in.n ? strstr(connection->in.data, "\r\n\r\n") : NULL)) {
		if (connection->in.n > HEADER_MAX || !read_more(connection))
			return false;
	}
	size_t head_n = (size_t)(end - connection->in.data) + 4;
	char *head = arena_strndup(request->arena, connection->in.data, head_n);
	struct rx rx;
	pthread_mutex_lock(&connection->server->sim->lock);
	bool is_request = rx_match(request->arena, "^([A-Z]+) (\\S+) HTTP/1\\.([01])\r\n", RX_BYTES,
			perl_from_bytes(request->arena, head, head_n), &rx);
	pthread_mutex_unlock(&connection->server->sim->lock);
	if (!is_request)
		return false;
	char *length = header_value(request->arena, head, "Content-Length");
	request->transfer_encoding = header_value(request->arena, head, "Transfer-Encoding");
	char *close = header_value(request->arena, head, "Connection");
	request->method = rx.group[1];
	request->path = rx.group[2];
	request->close = rx.group[3][0] == '0' || (close && strcasecmp(close, "close") == 0);
	request->cookie = header_value(request->arena, head, "Cookie");
	request->authorization = header_value(request->arena, head, "Authorization");
	request->csrf = header_value(request->arena, head, "CSRFPreventionToken");
	request->content_type = header_value(request->arena, head, "Content-Type");
	request->accept_encoding = header_value(request->arena, head, "Accept-Encoding");
	*ret_length = length ? strtoul(length, NULL, 10) : 0;
	if (request->transfer_encoding) {
		request->close = true;
	} else if (*ret_length <= BODY_MAX) {
		while (connection->in.n < head_n + *ret_length)
			if (!read_more(connection))
				return false;
		request->body = arena_memdup(
				request->arena, connection->in.data + head_n, *ret_length);
		request->body_n = *ret_length;
		head_n += *ret_length;
	} else {
		request->close = true;
		connection->unread = true;
	}
	memmove(connection->in.data, connection->in.data + head_n, connection->in.n - head_n + 1);
	connection->in.n -= head_n;
	return true;
}

static bool send_padding(struct connection *connection, long n)
{
	char block[65536];
	memset(block, 'x', sizeof block);
	while (n > 0) {
		size_t part = n > (long)sizeof block ? sizeof block : (size_t)n;
		if (connection->server->stopping || !send_all(connection, block, part))
			return false;
		n -= (long)part;
	}
	return true;
}

/* False: the connection is to be closed. */
static bool send_response(struct connection *connection, const struct request *request,
		const struct response *response)
{
	struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
	for (long waited = 0; waited < response->delay_ms || response->never; waited += TICK_MS) {
		char byte = 0;
		ssize_t peeked = recv(connection->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		if (connection->server->stopping || peeked == 0)
			return false;
		(void)nanosleep(&tick, NULL);
	}
	if (response->silent)
		return false;
	if (response->garbage) {
		(void)send_all(connection, "\x16\x03\x01garbage\r\n\xff\xfe\r\n\r\n", 18);
		return false;
	}
	char date[64];
	struct tm now;
	time_t seconds = time(NULL);
	(void)gmtime_r(&seconds, &now);
	(void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &now);
	struct text out = {0};
	bool partial = response->cut || response->length_error || response->pad;
	bool close = request->close || partial || response->code != 200;
	text_addf(&out,
			"HTTP/1.1 %d %s\r\nCache-Control: max-age=0\r\n%sConnection: %s\r\n"
			"Date: %s\r\nPragma: no-cache\r\nServer: pve-api-daemon/3.0\r\n"
			"Content-Length: %ld\r\n",
			response->code, response->reason,
			response->handed_on && !close ? "Connection: close\r\n" : "",
			close ? "close" : "Keep-Alive", date,
			(response->pad ? response->pad : (long)response->body_n) +
					response->length_error);
	if (response->type)
		text_addf(&out, "Content-Type: %s\r\n", response->type);
	if (response->gzip)
		text_add(&out, "Content-Encoding: gzip\r\n");
	text_addf(&out, "Expires: %s\r\n%s\r\n", date, response->extra ? response->extra : "");
	if (!response->pad && response->body_n && strcmp(request->method, "HEAD") != 0)
		text_add_bytes(&out, response->body,
				response->cut && (size_t)response->cut < response->body_n
						? (size_t)response->cut
						: response->body_n);
	bool sent = send_all(connection, text_string(&out), out.n);
	text_free(&out);
	if (sent && response->pad)
		sent = send_padding(connection, response->pad);
	return sent && !close;
}

/* One request and its answer; false: the connection is to be closed. */
static bool handle_one(struct connection *connection)
{
	struct request request = {.arena = arena_new()};
	struct response response = {0};
	size_t length = 0;
	bool go_on = read_request(connection, &request, &length);
	if (go_on) {
		pthread_mutex_lock(&connection->server->sim->lock);
		if (request.transfer_encoding) {
			response = (struct response){.code = 501,
					.reason = "chunked transfer encoding not supported"};
		} else if (length > BODY_MAX) {
			response = (struct response){.code = 501, .reason = "for data too large"};
		} else {
			serve(connection->server, &request, &response);
		}
		pthread_mutex_unlock(&connection->server->sim->lock);
		go_on = send_response(connection, &request, &response);
	}
	arena_free(request.arena);
	return go_on;
}

/* Closing with unread bytes would take the answer from a client that is still sending. */
static void drain(struct connection *connection)
{
	enum { DRAIN_MS = 300 };
	char part[16384];
	while (connection->tls && !connection->server->stopping) {
		int n = SSL_read(connection->tls, part, sizeof part);
		if (n > 0)
			continue;
		if (SSL_get_error(connection->tls, n) != SSL_ERROR_WANT_READ ||
				!wait_for(connection, POLLIN, DRAIN_MS))
			return;
	}
}

static void *connection_run(void *argument)
{
	struct connection *connection = argument;
	struct server *server = connection->server;
	pthread_mutex_lock(&server->sim->lock);
	connection->tls = SSL_new(server->tls);
	pthread_mutex_unlock(&server->sim->lock);
	bool open = connection->tls && SSL_set_fd(connection->tls, connection->socket) == 1;
	while (open) {
		int result = SSL_accept(connection->tls);
		if (result == 1)
			break;
		open = retry(connection, result, IDLE_MS);
	}
	while (open && !server->stopping)
		open = handle_one(connection);
	if (connection->unread)
		drain(connection);
	if (connection->tls)
		(void)SSL_shutdown(connection->tls);
	SSL_free(connection->tls);
	(void)close(connection->socket);
	text_free(&connection->in);
	free(connection);
	pthread_mutex_lock(&server->sim->lock);
	server->connections--;
	pthread_mutex_unlock(&server->sim->lock);
	return NULL;
}

static void accept_one(struct server *server)
{
	int socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (socket < 0)
		return;
	struct connection *connection = calloc(1, sizeof *connection);
	pthread_t thread;
	if (!connection)
		abort();
	*connection = (struct connection){.server = server, .socket = socket};
	pthread_mutex_lock(&server->sim->lock);
	server->connections++;
	pthread_mutex_unlock(&server->sim->lock);
	if (pthread_create(&thread, NULL, connection_run, connection) != 0)
		abort();
	(void)pthread_detach(thread);
}

int server_new_certificate(struct server *server)
{
	SSL_CTX *tls = tls_open(server->certificate_dir, server->tls != NULL);
	if (!tls)
		return -1;
	SSL_CTX_free(server->tls);
	server->tls = tls;
	return 0;
}

void server_announce(struct server *server)
{
	struct sockaddr_in address;
	socklen_t n = sizeof address;
	char fingerprint[96];
	char path[4200];
	char real[4200];
	tls_fingerprint(server->tls, fingerprint);
	(void)snprintf(path, sizeof path, "%s/pve-root-ca.pem", server->certificate_dir);
	if (getsockname(server->listener, (struct sockaddr *)&address, &n) != 0)
		return;
	json_t *line = json_pack("{s:i,s:s,s:s}", "port", (int)ntohs(address.sin_port),
			"fingerprint", fingerprint, "ca", realpath(path, real) ? real : path);
	char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
	(void)puts(text ? text : "{}");
	(void)fflush(stdout);
	free(text);
	json_decref(line);
}

void server_run(struct server *server)
{
	struct pollfd poll_one = {.fd = server->listener, .events = POLLIN};
	while (!server->stopping) {
		if (poll(&poll_one, 1, TICK_MS) > 0)
			accept_one(server);
		pthread_mutex_lock(&server->sim->lock);
		tasks_advance(server->sim);
		pthread_mutex_unlock(&server->sim->lock);
	}
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&server->sim->lock);
		int left = server->connections;
		pthread_mutex_unlock(&server->sim->lock);
		if (!left)
			break;
		(void)poll(NULL, 0, 20);
	}
}
