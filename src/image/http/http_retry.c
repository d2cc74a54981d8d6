/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/http/http_retry.h"

#include "base/num.h"
#include "image/http/http_priv.h"

#include <sys/random.h>
#include <time.h>

bool http_retry_is_transient(const struct http_response *response, const struct error *err)
{
	static const int statuses[] = { 408, 429, 499, 500, 502, 503, 504, 522 };

	if (err)
		return response->transient;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (response->status == statuses[i])
			return true;
	return false;
}

bool http_retry_after(const char *value, int64_t now, uint64_t *ret_seconds)
{
	if (num_parse_u64(value, UINT32_MAX, ret_seconds))
		return true;
	/* A number alone that is no sane count must not pass for a date. */
	if (value[strspn(value, "0123456789 ")] == '\0')
		return false;

	time_t at = curl_getdate(value, NULL);

	if (at < 0)
		return false;
	*ret_seconds = at > now ? (uint64_t)(at - now) : 0;
	return true;
}

/* Up to a tenth of @ms, so that many clients that failed together do not come back together. */
static unsigned int jitter(unsigned int ms)
{
	uint32_t dice;

	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != (ssize_t)sizeof(dice))
		return 0;
	return dice % (ms / 10 + 1);
}

struct error *http_retry_wait(struct http_retry *retry, struct http_client *client,
			      const struct http_response *response, bool *ret_again)
{
	const char *asked = http_response_header(response, "retry-after", 0);
	unsigned int delay = client->retry_base_ms << retry->failed;
	uint64_t seconds = 0;

	*ret_again = false;
	if (++retry->failed >= HTTP_ATTEMPTS_MAX)
		return NULL;
	if (asked && http_retry_after(asked, time(NULL), &seconds)) {
		if (seconds > HTTP_RETRY_AFTER_MAX_S && response->status == 429)
			return NULL;
		if (seconds > HTTP_RETRY_AFTER_MAX_S)
			seconds = HTTP_RETRY_AFTER_MAX_S;
	}
	if (delay < seconds * 1000)
		delay = (unsigned int)seconds * 1000;
	TRY(http_client_sleep(client, delay + jitter(delay)));
	*ret_again = true;
	return NULL;
}

struct error *http_send_patiently(struct http_client *client, const struct http_request *request,
				  struct http_response *ret_response)
{
	struct http_retry retry = { 0 };

	for (;;) {
		bool again = false;
		struct error *err = http_send(client, request, ret_response);

		if (!http_retry_is_transient(ret_response, err))
			return err;

		struct error *wait_err = http_retry_wait(&retry, client, ret_response, &again);

		if (wait_err || !again) {
			error_free(wait_err);
			return err;
		}
		error_free(err);
	}
}

void http_retry_progress(struct http_retry *retry)
{
	retry->failed = 0;
}
