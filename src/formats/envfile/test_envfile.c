/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/envfile/envfile.h"

#include "base/test.h"

static const char *lookup(void *ctx, const char *name)
{
	(void)ctx;
	if (str_eq(name, "YOU"))
		return "host you";
	if (str_eq(name, "HOME"))
		return "/home/me";
	if (str_eq(name, "EMPTY"))
		return "";
	if (str_eq(name, "FILE"))
		return "/usr/lib/libx.so.1.2";
	return NULL;
}

static struct error *eval(const char *text, char **ret_joined)
{
	cleanup_strv struct strv assigned = { 0 };

	TRY(envfile_eval(text, lookup, NULL, &assigned));
	*ret_joined = strv_join(&assigned, "|");
	return NULL;
}

struct example {
	const char *text, *wanted;
};

static void check_all(const struct example *examples, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *got = NULL;
		struct error *err = eval(examples[i].text, &got);

		if (err)
			fail_msg("%s\nfailed: %s", examples[i].text, error_text(err));
		if (!str_eq(got, examples[i].wanted))
			fail_msg("%s\ngave <%s>, wanted <%s>", examples[i].text, got, examples[i].wanted);
	}
}

#define CHECK_ALL(examples) check_all((examples), ARRAY_LEN(examples))

static void assigns(void **state)
{
	static const struct example examples[] = {
		{ "", "" },
		{ "A=1", "A=1" },
		{ "A=1\nB=2\n", "A=1|B=2" },
		{ "A=1 B=2;C=3", "A=1|B=2|C=3" },
		{ "export A=1 B=2", "A=1|B=2" },
		{ "export 'A=x y'", "A=x y" },
		{ "readonly A=1", "A=1" },
		{ "A=1; export A", "A=1" },
		{ "export YOU", "" },
		{ "A=", "A=" },
		{ "A=1; A=2", "A=2" },
		{ "A=1; A+=2", "A=12" },
		{ "A=1; unset A; B=$A", "B=" },
		{ "unset YOU; A=$YOU", "A=" },
		{ "# comment\nA=1 # more\n#A=2", "A=1" },
		{ "A=b#c", "A=b#c" },
		{ "  A=1  ", "A=1" },
		{ "A=1\r\nB=2\r\n", "A=1|B=2" },
		{ "A=a\\\nb", "A=ab" },
		{ "A=1 \\\nB=2", "A=1|B=2" },
		{ "set -a\nA=1\nset +a", "A=1" },
		{ ":; true; A=1", "A=1" },
		{ "UID=1 EUID=1 GID=1 HOME=/x IFS=: OPTIND=1 PWD=/ A=$HOME", "A=/x" },
		{ "A=1; exit; B=2", "A=1" },
		{ "A=1; exit 0\nfi", "A=1" },
		{ "if true; then A=1; return; fi; B=2", "A=1" },
	};

	(void)state;
	CHECK_ALL(examples);
}

static void quotes(void **state)
{
	static const struct example examples[] = {
		{ "A='$YOU `x` \\n \"'", "A=$YOU `x` \\n \"" },
		{ "A=\"a 'b' $YOU\"", "A=a 'b' host you" },
		{ "A=\"\\$YOU \\\" \\\\ \\x \\`\"", "A=$YOU \" \\ \\x `" },
		{ "A=a\\ b\\'", "A=a b'" },
		{ "A=\"a\nb\"", "A=a\nb" },
		{ "A='a\n#b'", "A=a\n#b" },
		{ "A=a\"b\"'c'd", "A=abcd" },
		{ "A=\"a\\\nb\"", "A=ab" },
		{ "A='a\\\nb'", "A=a\\\nb" },
		{ "A=$", "A=$" },
		{ "A=\"$\"", "A=$" },
		{ "A=~/x:~/y:~z", "A=/home/me/x:/home/me/y:~z" },
		{ "A='~/x'", "A=~/x" },
		{ "A=${NO:-~} B=${NO:-~/x} C=${NO:-a~} D=\"${NO:-~}\"", "A=/home/me|B=/home/me/x|C=a~|D=~" },
		{ "A=a~", "A=a~" },
	};

	(void)state;
	CHECK_ALL(examples);
}

static void parameters(void **state)
{
	static const struct example examples[] = {
		{ "A=$YOU", "A=host you" },
		{ "A=${YOU}x", "A=host youx" },
		{ "A=$NO_x", "A=" },
		{ "A=${NO-a b}", "A=a b" },
		{ "A=${EMPTY-x} B=${EMPTY:-x}", "A=|B=x" },
		{ "A=${YOU:-x}", "A=host you" },
		{ "A=${NO:-${YOU}}", "A=host you" },
		{ "A=\"${NO:-'q' \"d\" $YOU}\"", "A='q' d host you" },
		{ "A=${NO:-'}'}", "A=}" },
		{ "A=${B:=x}", "B=x|A=x" },
		{ "A=${EMPTY=x}", "A=" },
		{ "A=${YOU:+set} B=${EMPTY:+set} C=${EMPTY+set} D=${NO+set}", "A=set|B=|C=set|D=" },
		{ "A=${YOU:?no}", "A=host you" },
		{ "A=${#YOU} B=${#NO}", "A=8|B=0" },
		{ "A=${FILE##*/} B=${FILE%%.*}", "A=libx.so.1.2|B=/usr/lib/libx" },
		{ "A=${FILE%.*} B=${FILE#/*/}", "A=/usr/lib/libx.so.1|B=lib/libx.so.1.2" },
		{ "A=${FILE%'.2'} B=${FILE%[0-9]}", "A=/usr/lib/libx.so.1|B=/usr/lib/libx.so.1." },
		{ "A=${FILE#[!/]} B=${FILE%?}", "A=/usr/lib/libx.so.1.2|B=/usr/lib/libx.so.1." },
		{ "X='a*b'; A=${X#a\\*} B=${X#'a*'} C=${X#a*}", "X=a*b|A=b|B=b|C=*b" },
		{ "P=/usr/*; A=${FILE##$P}", "P=/usr/*|A=" },
		{ "X='[a'; A=${X#[} B=\"${X#'['}\"", "X=[a|A=a|B=a" },
		{ "X=]a; A=${X#[]]}", "X=]a|A=a" },
		{ "false; A=$? B=$# C=$1$@", "A=1|B=0|C=" },
		{ "X=' a '; A=$X", "X= a |A= a " },
	};

	(void)state;
	CHECK_ALL(examples);
}

static void arithmetic(void **state)
{
	static const struct example examples[] = {
		{ "A=$((1+2*3)) B=$(((1+2)*3))", "A=7|B=9" },
		{ "N=4 A=$((N*2)) B=$(($N % 3)) C=$((NO+1))", "N=4|A=8|B=1|C=1" },
		{ "A=$((0x1f)) B=$((010)) C=$((-7/2)) D=$((-7%2))", "A=31|B=8|C=-3|D=-1" },
		{ "A=$((1<2&&3>=3)) B=$((1==2||!5)) C=$((1?2:3)) D=$((0?2:0?3:4))", "A=1|B=0|C=2|D=4" },
		{ "A=$((6&3|8)) B=$((5^1)) C=$((~0)) D=$((1<<4>>1))", "A=10|B=4|C=-1|D=8" },
		{ "A=$((10-3-2)) B=$(( 1 != 2 )) C=$(())", "A=5|B=1|C=0" },
		{ "A=\"$((1 + 1)) x\"", "A=2 x" },
		{ "A=$((9223372036854775807+1))", "A=-9223372036854775808" },
		{ "M=-9223372036854775808 A=$((M/-1)) B=$((M%-1))",
		  "M=-9223372036854775808|A=-9223372036854775808|B=0" },
	};

	(void)state;
	CHECK_ALL(examples);
}

static void conditions(void **state)
{
	static const struct example examples[] = {
		{ "true && A=1 || B=1", "A=1" },
		{ "false && A=1 || B=1", "B=1" },
		{ "! false && A=1", "A=1" },
		{ "[ -n \"$YOU\" ] && A=1", "A=1" },
		{ "[ -z \"$EMPTY\" ] && A=1", "A=1" },
		{ "[ $NO ] || A=1", "A=1" },
		{ "[ \"$YOU\" = 'host you' -a 1 -lt 2 ] && A=1", "A=1" },
		{ "test a != a -o 3 -ge 3 && A=1", "A=1" },
		{ "test ! a = b && A=1", "A=1" },
		{ "test ! '' && A=1", "A=1" },
		{ "test 1 -eq 01 && test 2 -ne 3 && test 3 -gt 2 && test 3 -le 3 && A=1", "A=1" },
		{ "if [ a = a ]; then A=1; else A=2; fi", "A=1" },
		{ "if false\nthen A=1\nelif true; then A=2; else A=3\nfi\nB=$A", "A=2|B=2" },
		{ "if false; then A=1; elif false; then A=2; else A=3; fi", "A=3" },
		{ "if false; then A=1; fi && B=1", "B=1" },
		{ "if true; then if false; then A=1; else A=2; fi; B=1; fi", "A=2|B=1" },
		{ "if false; then $(rm x); A=${X:?no}; cat <x; B=${C:=1}; fi; D=$C", "D=" },
		{ "false && if true; then :; fi || A=1", "A=1" },
		{ "if true; then A=1; else A=`rm \\` x`; fi", "A=1" },
	};

	(void)state;
	CHECK_ALL(examples);
}

static void refuses(void **state)
{
	static const struct example examples[] = {
		{ "A=$(date)", "line 1: could not execute \"date\": execution is disabled" },
		{ "\nA=\"`id -u`\"", "line 2: could not execute \"id\": execution is disabled" },
		{ "echo hi", "could not execute \"echo\": execution is disabled" },
		{ "A=1 rm", "could not execute \"rm\"" },
		{ ": > /tmp/x", "could not open/create/modify \"/tmp/x\": file feature is disabled" },
		{ "A=1 2>$YOU", "could not open/create/modify \"host you\"" },
		{ ". /etc/profile", "could not open/create/modify \"/etc/profile\"" },
		{ "source x", "could not open/create/modify \"x\"" },
		{ "[ -f /etc/passwd ]", "could not open/create/modify \"/etc/passwd\"" },
		{ "while true; do A=1; done", "while is not supported" },
		{ "for i in 1; do A=1; done", "for is not supported" },
		{ "case a in a) ;; esac", "case is not supported" },
		{ "A=(1 2)", "A: arrays are not supported" },
		{ "A=1 | B=2", "pipes are not supported" },
		{ "A=1 &", "no command runs in the background" },
		{ "f() { A=1; }", "unexpected \"(\"" },
		{ "A='x", "a quote ' is not closed" },
		{ "A=\"x", "a quote \" is not closed" },
		{ "A=${x", "bad substitution" },
		{ "A=${x:-y", "${ is not closed" },
		{ "A=${}", "bad substitution" },
		{ "A=${x/a/b}", "bad substitution" },
		{ "A=${#}", "bad substitution" },
		{ "A=${#x", "bad substitution" },
		{ "A=$((1", "$(( is not closed" },
		{ "A=$((1+))", "bad expression" },
		{ "A=$((1 2))", "bad expression" },
		{ "A=$((1/0))", "division by zero" },
		{ "A=$((09))", "wrong digit" },
		{ "A=$((1?2))", "lacks its :" },
		{ "A=$((YOU))", "YOU is no number" },
		{ "A=$$", "$$ has no value here" },
		{ "A=${NO:?is needed}", "NO: is needed" },
		{ "A=${NO?}", "NO: parameter not set" },
		{ "if true; then A=1", "expected \"fi\"" },
		{ "if true; A=1; fi", "expected \"then\"" },
		{ "fi", "unexpected \"fi\"" },
		{ "[ a", "[ lacks its ]" },
		{ "[ a b c d e ]", "too many arguments" },
		{ "[ a -eq 1 ]", "needs integers" },
		{ "[ a b ]", "is no condition" },
		{ "exit 3", "exit status 3" },
		{ "exit x", "x is no exit status" },
		{ "export 1=2", "1=2 is no name" },
		{ "; A=1", "unexpected \";\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		cleanup_free char *got = NULL;
		cleanup_with(error_free) struct error *err = eval(examples[i].text, &got);

		if (!err)
			fail_msg("%s\nwas accepted: %s", examples[i].text, got);
		if (error_kind(err) != ERR_USAGE || !strstr(error_text(err), examples[i].wanted))
			fail_msg("%s\nfailed with: %s", examples[i].text, error_text(err));
	}
}

static void repeat(struct buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_append_str(b, text);
}

static void limits_values(void **state)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_free char *got = NULL;

	(void)state;
	buf_append_str(&b, "A=");
	repeat(&b, "x", ENVFILE_VALUE_MAX);
	assert_ok(eval(buf_str(&b), &got));
	buf_append_char(&b, 'x');
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "A is longer than 131072 bytes");
	assert_error(eval("A=x;A=$A$A$A$A;A=$A$A$A$A;A=$A$A$A$A;A=$A$A$A$A;A=$A$A$A$A;A=$A$A$A$A;A=$A$A$A$A;A=$A$A$A$A;"
			  "A=$A$A$A$A",
			  &got),
		     ERR_LIMIT, "is longer than");
}

static void limits_depth(void **state)
{
	cleanup_buf struct buf b = { 0 };
	char *got = NULL;

	(void)state;
	repeat(&b, "if true; then ", ENVFILE_DEPTH_MAX - 1);
	buf_append_str(&b, "A=1;");
	repeat(&b, "fi;", ENVFILE_DEPTH_MAX - 1);
	assert_ok(eval(buf_str(&b), &got));
	assert_string_equal(got, "A=1");
	free(got);
	buf_clear(&b);
	repeat(&b, "if true; then ", ENVFILE_DEPTH_MAX);
	buf_append_str(&b, "A=1;");
	repeat(&b, "fi;", ENVFILE_DEPTH_MAX);
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "nested deeper");
	buf_clear(&b);
	buf_append_str(&b, "A=$((");
	repeat(&b, "(", 100000);
	repeat(&b, ")", 100002);
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "nested deeper");
	buf_clear(&b);
	buf_append_str(&b, "A=");
	repeat(&b, "${A:-", 100000);
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "nested deeper");
}

static void limits_work(void **state)
{
	cleanup_buf struct buf b = { 0 };
	char *got = NULL;

	(void)state;
	buf_append_str(&b, "A=");
	repeat(&b, "x", 100000);
	repeat(&b, "\nB=$A", 1000);
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "takes too long");
	buf_clear(&b);
	buf_append_str(&b, "A=");
	repeat(&b, "x", 100000);
	buf_append_str(&b, "\nB=${A%*y*y*y}");
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "takes too long");
	buf_clear(&b);
	for (unsigned int i = 0; i <= ENVFILE_VARS_MAX; i++)
		buf_appendf(&b, "A%u=\n", i);
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "more than 4096 variables");
	buf_clear(&b);
	buf_append_str(&b, "A='");
	repeat(&b, "x ", ENVFILE_FIELDS_MAX - 1);
	buf_append_str(&b, "'; : $A");
	assert_ok(eval(buf_str(&b), &got));
	free(got);
	buf_append_str(&b, " y");
	assert_error(eval(buf_str(&b), &got), ERR_LIMIT, "more than 65536 arguments");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assigns),	 cmocka_unit_test(quotes),	 cmocka_unit_test(parameters),
		cmocka_unit_test(arithmetic),	 cmocka_unit_test(conditions),	 cmocka_unit_test(refuses),
		cmocka_unit_test(limits_values), cmocka_unit_test(limits_depth), cmocka_unit_test(limits_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
