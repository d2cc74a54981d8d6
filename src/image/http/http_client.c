/* SPDX-License-Identifier: BSD-3-Clause */
#include "image/http/http_priv.h"

#include "base/cond.h"

#include <errno.h>
#include <time.h>

static void init_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static char *env_path(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? xstrdup(value) : NULL;
}

struct error *http_client_new(const struct http_client_options *options, struct http_client **ret_client)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (pthread_once(&once, init_curl) != 0)
		return error_new(ERR_INTERNAL, "libcurl cannot be initialised");

	struct http_client *client = xcalloc(1, sizeof(*client));

	client->user_agent = xstrdup(options->user_agent ? options->user_agent : "Singularity");
	client->connect_timeout_s = options->connect_timeout_s ? options->connect_timeout_s : 30;
	client->stall_timeout_s = options->stall_timeout_s ? options->stall_timeout_s : 60;
	client->retry_base_ms = options->retry_base_ms ? options->retry_base_ms : 2000;
	client->ca_file = env_path("SSL_CERT_FILE");
	client->ca_dir = env_path("SSL_CERT_DIR");
	http_proxy_env_read(&client->proxies);
	(void)pthread_mutex_init(&client->lock, NULL);
	cond_init(&client->wake);
	*ret_client = client;
	return NULL;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	while (client->lanes) {
		struct http_lane *lane = client->lanes;

		client->lanes = lane->next;
		(void)curl_multi_cleanup(lane->multi);
		free(lane);
	}
	(void)pthread_cond_destroy(&client->wake);
	(void)pthread_mutex_destroy(&client->lock);
	http_proxy_env_clear(&client->proxies);
	free(client->user_agent);
	free(client->ca_file);
	free(client->ca_dir);
	free(client);
}

void http_client_cancel(struct http_client *client)
{
	(void)pthread_mutex_lock(&client->lock);
	atomic_store(&client->cancelled, true);
	(void)pthread_cond_broadcast(&client->wake);
	for (struct http_lane *lane = client->lanes; lane; lane = lane->next)
		(void)curl_multi_wakeup(lane->multi);
	(void)pthread_mutex_unlock(&client->lock);
}

bool http_client_cancelled(struct http_client *client)
{
	return atomic_load(&client->cancelled);
}

struct error *http_client_sleep(struct http_client *client, unsigned int ms)
{
	struct timespec until;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_mutex_lock(&client->lock);
	while (rc == 0 && !atomic_load(&client->cancelled))
		rc = pthread_cond_timedwait(&client->wake, &client->lock, &until);
	(void)pthread_mutex_unlock(&client->lock);
	if (atomic_load(&client->cancelled))
		return error_new(ERR_NETWORK, "cancelled");
	return NULL;
}

struct error *http_lane_take(struct http_client *client, struct http_lane **ret_lane)
{
	struct http_lane *lane;

	(void)pthread_mutex_lock(&client->lock);
	for (lane = client->lanes; lane && !lane->is_idle; lane = lane->next)
		;
	if (!lane) {
		lane = xcalloc(1, sizeof(*lane));
		lane->multi = curl_multi_init();
		if (lane->multi) {
			lane->next = client->lanes;
			client->lanes = lane;
		}
	}
	lane->is_idle = false;
	(void)pthread_mutex_unlock(&client->lock);
	if (!lane->multi) {
		free(lane);
		return error_sys(ENOMEM, "start an HTTP transfer");
	}
	*ret_lane = lane;
	return NULL;
}

void http_lane_give_back(struct http_client *client, struct http_lane *lane)
{
	(void)pthread_mutex_lock(&client->lock);
	lane->is_idle = true;
	(void)pthread_mutex_unlock(&client->lock);
}
