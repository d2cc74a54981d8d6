/* SPDX-License-Identifier: BSD-3-Clause */
/* Driving transfers, alone or two at a race, and following redirects. */
#include "image/http/http_priv.h"

#include <signal.h>
#include <time.h>

/* libcurl is woken by sockets, by its own timers, and by http_client_cancel(); this is for nothing but safety. */
enum { POLL_MAX_MS = 1000 };

/* TLS libraries write to sockets without MSG_NOSIGNAL: SIGPIPE of a peer that went away must not end the process. */
struct pipe_guard {
	sigset_t before;
	bool was_pending;
};

static void pipe_guard_on(struct pipe_guard *guard)
{
	sigset_t pipe_only, pending;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &guard->before);
}

static void pipe_guard_off(struct pipe_guard *guard)
{
	sigset_t pipe_only, pending;

	(void)sigpending(&pending);
	if (!guard->was_pending && sigismember(&pending, SIGPIPE) == 1) {
		(void)sigemptyset(&pipe_only);
		(void)sigaddset(&pipe_only, SIGPIPE);
		(void)sigtimedwait(&pipe_only, NULL, &(struct timespec){ 0 });
	}
	(void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

static void collect_finished(CURLM *multi)
{
	int left;
	CURLMsg *msg;

	while ((msg = curl_multi_info_read(multi, &left))) {
		struct http_transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		t->is_finished = true;
		t->code = msg->data.result;
	}
}

/* Moves the transfers of @multi on, and waits at most @wait_ms for something to happen. */
static struct error *turn(CURLM *multi, int wait_ms, const struct http_transfer *watched)
{
	int running;
	CURLMcode code = curl_multi_perform(multi, &running);

	collect_finished(multi);
	if (code == CURLM_OK && !watched->is_finished)
		code = curl_multi_poll(multi, NULL, 0, wait_ms, NULL);
	if (code != CURLM_OK)
		return error_new(ERR_NETWORK, "libcurl: %s", curl_multi_strerror(code));
	return NULL;
}

static struct error *run_alone(struct http_client *client, struct http_transfer *t)
{
	struct http_lane *lane;
	struct pipe_guard guard;
	struct error *err = NULL;

	TRY(http_transfer_init(t));
	TRY(http_lane_take(client, &lane));
	pipe_guard_on(&guard);
	(void)curl_multi_add_handle(lane->multi, t->easy);
	while (!err && !t->is_finished)
		err = turn(lane->multi, POLL_MAX_MS, t);
	(void)curl_multi_remove_handle(lane->multi, t->easy);
	pipe_guard_off(&guard);
	http_lane_give_back(client, lane);
	return err ? err : http_transfer_finish(t);
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* May we go from @from to @to? Texts as the reference has them where it has one. */
static struct error *check_redirect(const struct http_url *from, const struct http_url *to, bool allow_private)
{
	cleanup_free char *shown_from = http_url_redact(from->text);
	cleanup_free char *shown_to = http_url_redact(to->text);

	if (from->is_https && !to->is_https)
		return error_new(ERR_DENIED, "redirect from \"%s\" to \"%s\" would give up https", shown_from,
				 shown_to);
	if (allow_private || str_eq(from->host, to->host) || !http_host_is_private(to->host))
		return NULL;
	return error_new(ERR_DENIED, "SSRF protection: redirect from \"%s\" to private/link-local host \"%s\" denied",
			 from->host, to->host);
}

/* One hop. *ret_next is the next URL, its text NULL if @ret_response is the answer. */
static struct error *send_hop(struct http_client *client, const struct http_request *request,
			      const struct http_url *url, bool is_origin, enum http_method *method,
			      struct http_response *ret_response, struct http_url *ret_next)
{
	struct http_transfer t = {
		.client = client,
		.request = request,
		.url = url,
		.response = ret_response,
		.method = *method,
		.authorization = is_origin ? request->authorization : NULL,
	};
	cleanup_http_url struct http_url next = { 0 };

	http_response_clear(ret_response);
	struct error *err = run_alone(client, &t);

	http_transfer_free(&t);
	if (err || !is_redirect(ret_response->status))
		return err;

	const char *location = http_response_header(ret_response, "location", 0);

	if (!location || !*location)
		return NULL;
	TRY(http_url_resolve(url, location, &next));
	TRY(check_redirect(url, &next, request->allow_private));
	if (*method == HTTP_POST && ret_response->status < 307)
		*method = HTTP_GET;
	*ret_next = next;
	next = (struct http_url){ 0 };
	return NULL;
}

struct error *http_send(struct http_client *client, const struct http_request *request,
			struct http_response *ret_response)
{
	cleanup_http_url struct http_url first = { 0 };
	cleanup_http_url struct http_url current = { 0 };
	enum http_method method = request->method;

	http_response_clear(ret_response);
	TRY(http_url_parse(request->url, &first));
	TRY(http_url_parse(request->url, &current));
	for (int hops = 0; hops <= HTTP_REDIRECTS_MAX; hops++) {
		struct http_url next = { 0 };

		TRY(send_hop(client, request, &current, http_url_same_origin(&first, &current), &method, ret_response,
			     &next));
		if (!next.text)
			return NULL;
		http_url_clear(&current);
		current = next;
	}

	cleanup_free char *shown = http_url_redact(first.text);

	return error_new(ERR_NETWORK, "%s: stopped after %d redirects", shown, HTTP_REDIRECTS_MAX);
}

static long long now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* One of two candidates; its URL must outlive the transfer. */
struct candidate {
	struct http_url url;
	struct http_response response;
	struct http_transfer transfer;
	struct error *failure;
	bool is_started, is_judged;
};

static struct error *candidate_start(struct candidate *c, struct http_client *client,
				     const struct http_request *request, CURLM *multi)
{
	TRY(http_url_parse(request->url, &c->url));
	c->transfer = (struct http_transfer){
		.client = client,
		.request = request,
		.url = &c->url,
		.response = &c->response,
		.method = request->method,
		.authorization = request->authorization,
	};
	TRY(http_transfer_init(&c->transfer));
	(void)curl_multi_add_handle(multi, c->transfer.easy);
	c->is_started = true;
	return NULL;
}

/* A redirect counts as an answer: who wins is asked again by http_send(), which follows it. */
static bool candidate_won(struct candidate *c)
{
	if (!c->is_started || !c->transfer.is_finished || c->is_judged)
		return false;
	c->is_judged = true;
	c->failure = http_transfer_finish(&c->transfer);
	if (c->failure)
		return false;

	int status = c->response.status;

	if (status == 200 || status == 401 || is_redirect(status))
		return true;
	cleanup_free char *shown = http_url_redact(c->url.text);

	c->failure = error_new(ERR_NETWORK, "GET %s: unexpected status code %d", shown, status);
	return false;
}

static void candidate_free(struct candidate *c, CURLM *multi)
{
	if (c->is_started)
		(void)curl_multi_remove_handle(multi, c->transfer.easy);
	http_transfer_free(&c->transfer);
	http_response_clear(&c->response);
	http_url_clear(&c->url);
	error_free(c->failure);
}

/* Runs both until one wins; *ret_winner is NULL if none did. */
static struct error *race(CURLM *multi, struct http_client *client, const struct http_request *const requests[2],
			  unsigned int delay_ms, struct candidate pair[2], struct candidate **ret_winner)
{
	long long second_at = now_ms() + delay_ms;

	TRY(candidate_start(&pair[0], client, requests[0], multi));
	while (!pair[0].is_judged || !pair[1].is_judged) {
		bool both = pair[1].is_started;
		long long wait = both ? POLL_MAX_MS : second_at - now_ms();

		TRY(turn(multi, wait > 0 ? (int)wait : 0, pair[0].is_judged ? &pair[1].transfer : &pair[0].transfer));
		for (int i = 0; i < 2; i++) {
			if (candidate_won(&pair[i])) {
				*ret_winner = &pair[i];
				return NULL;
			}
		}
		if (!both && (pair[0].is_judged || now_ms() >= second_at))
			TRY(candidate_start(&pair[1], client, requests[1], multi));
	}
	*ret_winner = NULL;
	return NULL;
}

struct error *http_send_either(struct http_client *client, const struct http_request *first,
			       const struct http_request *second, unsigned int delay_ms,
			       struct http_response *ret_response, bool *ret_second_won)
{
	const struct http_request *const requests[2] = { first, second };
	struct candidate pair[2] = { 0 };
	struct candidate *winner = NULL;
	struct http_lane *lane;
	struct pipe_guard guard;

	http_response_clear(ret_response);
	TRY(http_lane_take(client, &lane));
	pipe_guard_on(&guard);

	struct error *err = race(lane->multi, client, requests, delay_ms, pair, &winner);

	if (!err && !winner)
		err = error_new(ERR_NETWORK, "%s; %s", error_text(pair[0].failure), error_text(pair[1].failure));

	bool second_won = winner == &pair[1];
	bool follow = winner && is_redirect(winner->response.status);

	if (winner && !follow) {
		*ret_response = winner->response;
		winner->response = (struct http_response){ .content_length = -1 };
	}
	candidate_free(&pair[0], lane->multi);
	candidate_free(&pair[1], lane->multi);
	pipe_guard_off(&guard);
	http_lane_give_back(client, lane);
	if (!err && follow)
		err = http_send(client, requests[second_won], ret_response);
	if (!err)
		*ret_second_won = second_won;
	return err;
}
