/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WWW-Authenticate (RFC 9110, 11.6.1), read as leniently as registries write it: several headers, several challenges in
 * one, unquoted values, commas inside quotes, schemes in any case.
 */
#ifndef IMAGE_REGISTRY_CHALLENGE_H
#define IMAGE_REGISTRY_CHALLENGE_H

#include "base/str.h"

enum registry_scheme { REGISTRY_SCHEME_NONE, REGISTRY_SCHEME_BASIC, REGISTRY_SCHEME_BEARER, REGISTRY_SCHEME_OTHER };

struct registry_challenge {
	enum registry_scheme scheme;
	char *realm, *service, *scope; /* NULL if absent */
};

/**
 * registry_challenge_parse() - read one header; the choice stays in @challenge
 * @challenge: zero before the first header; holds the first Basic or Bearer challenge, else the first of another scheme
 *
 * Call it with every WWW-Authenticate header of an answer, in order. Never fails: what cannot be read is passed over.
 */
void registry_challenge_parse(const char *header, struct registry_challenge *challenge);
void registry_challenge_clear(struct registry_challenge *challenge);

#endif
