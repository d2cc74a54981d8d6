/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/launch/plan_priv.h"

#include "base/test.h"

/* "source>destination[:ro][:image=...][:id=...]" for each bind, joined by blanks */
static char *text_of(const struct plan_binds *binds)
{
	cleanup_strv struct strv items = { 0 };

	for (size_t i = 0; i < binds->n; i++) {
		const struct plan_bind *b = &binds->items[i];

		strv_addf(&items, "%s>%s%s%s%s%s%s", b->source, b->destination, b->read_only ? ":ro" : "",
			  b->image_src ? ":image=" : "", b->image_src ? b->image_src : "", b->id ? ":id=" : "",
			  b->id ? b->id : "");
	}
	return strv_join(&items, " ");
}

struct example {
	const char *text, *wanted;
};

static void check_all(struct error *(*parse)(const char *, struct plan_binds *), const struct example *examples,
		      size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_binds struct plan_binds binds = { 0 };
		cleanup_free char *got = NULL;

		assert_ok(parse(examples[i].text, &binds));
		got = text_of(&binds);
		if (!str_eq(got, examples[i].wanted))
			fail_msg("%s\ngave <%s>, wanted <%s>", examples[i].text, got, examples[i].wanted);
	}
}

static void check_refused(struct error *(*parse)(const char *, struct plan_binds *), const struct example *examples,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_binds struct plan_binds binds = { 0 };

		assert_error(parse(examples[i].text, &binds), ERR_USAGE, examples[i].wanted);
	}
}

static void bind_grammar(void **state)
{
	static const struct example examples[] = {
		{ "", "" },
		{ "/opt", "/opt>/opt" },
		{ "/opt,/tmp", "/opt>/opt /tmp>/tmp" },
		{ "/opt:/x", "/opt>/x" },
		{ "/opt:", "/opt>/opt" },
		{ "/opt:/x:ro,/tmp:/y:ro", "/opt>/x:ro /tmp>/y:ro" },
		{ "/opt:/x:ro,rw", "/opt>/x:ro" },
		{ "/opt:/x,ro", "/opt>/x:ro" },
		{ "a,b:/c:ro,d", "a>a b>/c:ro d>d" },
		{ "/opt:/x:rw,/y", "/opt>/x /y>/y" },
		{ "/opt,ro", "/opt>/opt ro>ro" },
		{ " /opt : /x : ro , /y ", "/opt>/x:ro /y>/y" },
		{ ",,/opt,,", "/opt>/opt" },
		{ "/a:,/b", "/a>/a /b>/b" },
		{ "/a^b:/c", "/a^b>/c" },
		{ "a.sqfs:/x:image-src=/", "a.sqfs>/x:image=/" },
		{ "a.sqfs:/x:image-src=", "a.sqfs>/x:image=/" },
		{ "a.sif:/x:image-src=/d,id=3,ro", "a.sif>/x:ro:image=/d:id=3" },
		{ "a.sif:/x:id=1,id=2", "a.sif>/x:id=2" },
	};

	(void)state;
	check_all(plan_bind_parse, examples, ARRAY_LEN(examples));
}

static void bind_errors(void **state)
{
	static const struct example examples[] = {
		{ "/opt:/x:bad", "while parsing bind path: while getting bind path: bad is not a valid bind option" },
		{ "a.sqfs:/x:image-src", "image-src is not a valid bind option" },
		{ "/opt:/x:rw:bad", "while parsing bind path: wrong bind syntax: /opt:/x:rw:bad" },
		{ "/opt:/x:ro,rw:y", "wrong bind syntax: " },
	};

	(void)state;
	check_refused(plan_bind_parse, examples, ARRAY_LEN(examples));
}

static void bind_limit(void **state)
{
	cleanup_binds struct plan_binds binds = { 0 };
	cleanup_buf struct buf list = { 0 };

	(void)state;
	for (int i = 0; i < PLAN_BINDS_MAX; i++)
		buf_append_str(&list, "a,");
	assert_ok(plan_bind_parse(buf_str(&list), &binds));
	assert_int_equal(binds.n, PLAN_BINDS_MAX);
	assert_error(plan_bind_parse("a", &binds), ERR_LIMIT, "more than 10000 binds");
}

static void mount_grammar(void **state)
{
	static const struct example examples[] = {
		{ "", "" },
		{ "type=bind,source=/opt,destination=/m", "/opt>/m" },
		{ "src=/opt,dst=/m", "/opt>/m" },
		{ "source=/opt,target=/m,ro", "/opt>/m:ro" },
		{ "dst=/m,readonly=no,src=/opt", "/opt>/m:ro" },
		{ "src=/a=b,dst=/m", "/a=b>/m" },
		{ "\"src=/a,b\",\"dst=/m\"\"q\"", "/a,b>/m\"q" },
		{ "src=/a,dst=/b\nsrc=/c,dst=/d\n", "/a>/b /c>/d" },
		{ "\n\nsrc=/a,dst=/b\r\n", "/a>/b" },
		{ "src=a.sif,dst=/b,image-src=/,id=2", "a.sif>/b:image=/:id=2" },
	};

	(void)state;
	check_all(plan_mount_parse, examples, ARRAY_LEN(examples));
}

static void mount_errors(void **state)
{
	static const struct example examples[] = {
		{ "type=tmpfs,dst=/m", "while parsing mount \"type=tmpfs,dst=/m\": unsupported mount type \"tmpfs\", "
				       "only 'bind' is supported" },
		{ "type,src=/a,dst=/b", "unsupported mount type \"\"" },
		{ "src=/a", "while parsing mount \"src=/a\": mounts must specify a source and a destination" },
		{ "dst=/a", "mounts must specify a source and a destination" },
		{ "src=,dst=/b", "mount source cannot be empty" },
		{ "src=/a,dst", "mount destination cannot be empty" },
		{ "src=/a,dst=/b,image-src=", "img-src cannot be empty" },
		{ "src=/a,dst=/b,id=", "id cannot be empty" },
		{ "src=/a,dst=/b,rw", "invalid key \"rw\" in mount specification" },
		{ "src=/a,dst=/b,", "invalid key \"\" in mount specification" },
		{ "src=/a,dst=/b,bind-propagation=shared", "bind-propagation not supported for individual mounts" },
		{ "src=\"/a,dst=/b",
		  "error parsing mount: parse error on line 1, column 5: bare \" in non-quoted-field" },
	};

	(void)state;
	check_refused(plan_mount_parse, examples, ARRAY_LEN(examples));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bind_grammar),	 cmocka_unit_test(bind_errors),	 cmocka_unit_test(bind_limit),
		cmocka_unit_test(mount_grammar), cmocka_unit_test(mount_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
