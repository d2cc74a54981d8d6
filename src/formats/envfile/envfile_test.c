/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test command (POSIX "test"): strings and integers. What asks for files has no answer here.
 */
#include "formats/envfile/envfile_priv.h"

#include "base/num.h"

struct test_args {
	char **items;
	size_t n;
};

static bool test_expression(struct shell *s, struct test_args a);

static bool compare_numbers(struct shell *s, const char *left, const char *op, const char *right)
{
	int64_t x = 0, y = 0;

	if (!num_parse_s64(left, &x) || !num_parse_s64(right, &y)) {
		shell_fail(s, ERR_USAGE, "test: %s %s %s needs integers", left, op, right);
		return false;
	}
	switch (op[1] << 8 | op[2]) {
	case 'e' << 8 | 'q':
		return x == y;
	case 'n' << 8 | 'e':
		return x != y;
	case 'l' << 8 | 't':
		return x < y;
	case 'l' << 8 | 'e':
		return x <= y;
	case 'g' << 8 | 't':
		return x > y;
	default:
		return x >= y;
	}
}

static bool is_number_op(const char *op)
{
	static const char *const ops[] = { "-eq", "-ne", "-lt", "-le", "-gt", "-ge" };

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_eq(op, ops[i]))
			return true;
	return false;
}

static bool is_string_op(const char *op)
{
	return str_eq(op, "=") || str_eq(op, "==") || str_eq(op, "!=");
}

static bool one_operand(struct shell *s, const char *op, const char *operand)
{
	if (str_eq(op, "-n"))
		return *operand != '\0';
	if (str_eq(op, "-z"))
		return *operand == '\0';
	if (op[0] == '-' && op[1] && !op[2] && strchr("bcdefghkLprsStuwx", op[1]))
		shell_fail(s, ERR_USAGE, "could not open/create/modify \"%s\": file feature is disabled", operand);
	else
		shell_fail(s, ERR_USAGE, "test: %s %s is no condition", op, operand);
	return false;
}

static bool three_words(struct shell *s, struct test_args a)
{
	const char *left = a.items[0], *op = a.items[1], *right = a.items[2];

	if (is_string_op(op))
		return str_eq(left, right) != (op[0] == '!');
	if (is_number_op(op))
		return compare_numbers(s, left, op, right);
	if (str_eq(left, "!"))
		return !one_operand(s, op, right);
	if (str_eq(left, "(") && str_eq(right, ")"))
		return *op != '\0';
	shell_fail(s, ERR_USAGE, "test: %s %s %s is no condition", left, op, right);
	return false;
}

static bool primary_words(struct shell *s, struct test_args a)
{
	if (a.n == 0)
		return false;
	if (a.n == 1)
		return *a.items[0] != '\0';
	if (a.n == 2)
		return str_eq(a.items[0], "!") ? *a.items[1] == '\0' : one_operand(s, a.items[0], a.items[1]);
	if (a.n == 3)
		return three_words(s, a);
	if (str_eq(a.items[0], "!"))
		return !test_expression(s, (struct test_args){ a.items + 1, a.n - 1 });
	shell_fail(s, ERR_USAGE, "test: too many arguments");
	return false;
}

/* -o binds least, then -a; where one of them is the operator of three words, it is a string to compare. */
static bool test_expression(struct shell *s, struct test_args a)
{
	static const char *const joins[] = { "-o", "-a" };

	if (!shell_enter(s))
		return false;
	for (size_t k = 0; k < ARRAY_LEN(joins) && a.n > 3; k++) {
		for (size_t i = 1; i + 1 < a.n; i++) {
			if (!str_eq(a.items[i], joins[k]))
				continue;

			bool left = test_expression(s, (struct test_args){ a.items, i });
			bool right = test_expression(s, (struct test_args){ a.items + i + 1, a.n - i - 1 });

			shell_leave(s);
			return k == 0 ? left || right : left && right;
		}
	}

	bool result = primary_words(s, a);

	shell_leave(s);
	return result;
}

void shell_test(struct shell *s, const struct strv *args)
{
	struct test_args a = { args->items + 1, args->n - 1 };

	if (str_eq(args->items[0], "[")) {
		if (a.n == 0 || !str_eq(a.items[a.n - 1], "]")) {
			shell_fail(s, ERR_USAGE, "[ lacks its ]");
			return;
		}
		a.n--;
	}
	s->status = test_expression(s, a) ? 0 : 1;
}
