/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * $(( )): signed 64-bit integers with the operators of C that give a value (POSIX "Arithmetic Expansion"). Overflow
 * wraps, as it does in shells. Names stand for variables; one that is unset or empty is 0. Assignments are not
 * supported.
 */
#include "formats/envfile/envfile_priv.h"

#include <ctype.h>

struct arith {
	struct shell *s;
	const char *at;
};

enum arith_op {
	OP_OR,
	OP_AND,
	OP_BIT_OR,
	OP_BIT_XOR,
	OP_BIT_AND,
	OP_EQ,
	OP_NE,
	OP_LE,
	OP_GE,
	OP_LT,
	OP_GT,
	OP_SHL,
	OP_SHR,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
};

/* Longer texts before their beginnings. */
static const struct {
	const char *text;
	enum arith_op op;
	int precedence; /* higher binds closer */
} binary[] = {
	{ "||", OP_OR, 1 },	{ "&&", OP_AND, 2 }, { "==", OP_EQ, 6 },  { "!=", OP_NE, 6 },	 { "<<", OP_SHL, 8 },
	{ ">>", OP_SHR, 8 },	{ "<=", OP_LE, 7 },  { ">=", OP_GE, 7 },  { "|", OP_BIT_OR, 3 }, { "^", OP_BIT_XOR, 4 },
	{ "&", OP_BIT_AND, 5 }, { "<", OP_LT, 7 },   { ">", OP_GT, 7 },	  { "+", OP_ADD, 9 },	 { "-", OP_SUB, 9 },
	{ "*", OP_MUL, 10 },	{ "/", OP_DIV, 10 }, { "%", OP_MOD, 10 },
};

static int64_t expression(struct arith *a);

static void skip_blanks(struct arith *a)
{
	a->at += strspn(a->at, " \t\n");
}

static int64_t divide(struct arith *a, int64_t x, int64_t y, bool remainder)
{
	if (y == 0) {
		shell_fail(a->s, ERR_USAGE, "division by zero");
		return 0;
	}
	if (y == -1) /* the one quotient that does not fit wraps */
		return remainder ? 0 : (int64_t)(0 - (uint64_t)x);
	return remainder ? x % y : x / y;
}

static int64_t apply(struct arith *a, enum arith_op op, int64_t x, int64_t y)
{
	uint64_t ux = (uint64_t)x;
	uint64_t uy = (uint64_t)y;

	switch (op) {
	case OP_OR:
		return x || y;
	case OP_AND:
		return x && y;
	case OP_BIT_OR:
		return x | y;
	case OP_BIT_XOR:
		return x ^ y;
	case OP_BIT_AND:
		return x & y;
	case OP_EQ:
		return x == y;
	case OP_NE:
		return x != y;
	case OP_LE:
		return x <= y;
	case OP_GE:
		return x >= y;
	case OP_LT:
		return x < y;
	case OP_GT:
		return x > y;
	case OP_SHL:
		return (int64_t)(ux << (uy & 63));
	case OP_SHR:
		return x >> (uy & 63);
	case OP_ADD:
		return (int64_t)(ux + uy);
	case OP_SUB:
		return (int64_t)(ux - uy);
	case OP_MUL:
		return (int64_t)(ux * uy);
	case OP_DIV:
	case OP_MOD:
		break;
	}
	return divide(a, x, y, op == OP_MOD);
}

/* Decimal, 0octal, 0xhexadecimal; digits that do not fit wrap. */
static int64_t number(struct arith *a)
{
	int base = 10;
	uint64_t value = 0;

	if (a->at[0] == '0' && (a->at[1] == 'x' || a->at[1] == 'X')) {
		base = 16;
		a->at += 2;
	} else if (a->at[0] == '0') {
		base = 8;
	}
	for (; isalnum((unsigned char)*a->at) && shell_spend(a->s, 1); a->at++) {
		unsigned char c = (unsigned char)*a->at;
		int digit = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;

		if (digit >= base) {
			shell_fail(a->s, ERR_USAGE, "a number in $(( )) has a wrong digit: %c", c);
			return 0;
		}
		value = value * (uint64_t)base + (uint64_t)digit;
	}
	return (int64_t)value;
}

/* A variable's value is a number, maybe with a sign. */
static int64_t variable(struct arith *a)
{
	size_t len = shell_name_length(a->at);
	cleanup_free char *name = xstrndup(a->at, len);
	const char *value = shell_get(a->s, name);
	bool negative = value && value[0] == '-';
	struct arith inner = { .s = a->s, .at = value ? value + negative : "" };
	int64_t result;

	a->at += len;
	if (!*inner.at)
		return 0;
	if (!isdigit((unsigned char)*inner.at)) {
		shell_fail(a->s, ERR_USAGE, "%s is no number", name);
		return 0;
	}
	result = number(&inner);
	if (*inner.at)
		shell_fail(a->s, ERR_USAGE, "%s is no number", name);
	return negative ? (int64_t)(0 - (uint64_t)result) : result;
}

static int64_t primary(struct arith *a)
{
	int64_t value;

	skip_blanks(a);
	if (*a->at == '(') {
		a->at++;
		value = expression(a);
		if (!a->s->err && *a->at != ')')
			shell_fail(a->s, ERR_USAGE, "a parenthesis in $(( )) is not closed");
		if (!a->s->err)
			a->at++;
		return value;
	}
	if (isdigit((unsigned char)*a->at))
		return number(a);
	if (shell_name_length(a->at) > 0)
		return variable(a);
	shell_fail(a->s, ERR_USAGE, "bad expression in $(( )): %.20s", a->at);
	return 0;
}

static int64_t unary(struct arith *a)
{
	int64_t value;
	char op;

	skip_blanks(a);
	op = *a->at;
	if (!op || !strchr("+-!~", op))
		return primary(a);
	if (!shell_enter(a->s))
		return 0;
	a->at++;
	value = unary(a);
	shell_leave(a->s);
	switch (op) {
	case '-':
		return (int64_t)(0 - (uint64_t)value);
	case '!':
		return !value;
	case '~':
		return ~value;
	default:
		return value;
	}
}

/* The operator at hand if it binds closer than @above; its index in binary[], or -1. */
static int operator_at(struct arith *a, int above)
{
	skip_blanks(a);
	for (size_t i = 0; i < ARRAY_LEN(binary); i++)
		if (str_starts(a->at, binary[i].text))
			return binary[i].precedence > above ? (int)i : -1;
	return -1;
}

static int64_t binary_above(struct arith *a, int above)
{
	int64_t left = unary(a);
	int i;

	while (shell_spend(a->s, 1) && (i = operator_at(a, above)) >= 0) {
		a->at += strlen(binary[i].text);
		left = apply(a, binary[i].op, left, binary_above(a, binary[i].precedence));
	}
	return left;
}

static int64_t expression(struct arith *a)
{
	int64_t condition, yes, no;

	if (!shell_enter(a->s))
		return 0;
	condition = binary_above(a, 0);
	skip_blanks(a);
	if (*a->at == '?' && !a->s->err) {
		a->at++;
		yes = expression(a);
		if (!a->s->err && *a->at != ':')
			shell_fail(a->s, ERR_USAGE, "a ? in $(( )) lacks its :");
		if (!a->s->err)
			a->at++;
		no = expression(a);
		condition = condition ? yes : no;
	}
	skip_blanks(a);
	shell_leave(a->s);
	return condition;
}

int64_t shell_arithmetic(struct shell *s, const char *text)
{
	struct arith a = { .s = s, .at = text };
	int64_t value;

	skip_blanks(&a);
	if (!*a.at)
		return 0;
	value = expression(&a);
	if (!s->err && *a.at)
		shell_fail(s, ERR_USAGE, "bad expression in $(( )): %.20s", a.at);
	return value;
}
