/* SPDX-License-Identifier: BSD-3-Clause */
/* Base64 (RFC 4648, 4) of credentials and of blobs embedded in descriptors. */
#ifndef IMAGE_REGISTRY_BASE64_H
#define IMAGE_REGISTRY_BASE64_H

#include "base/str.h"

/* base64_encode() - caller frees */
char *base64_encode(const void *data, size_t size);
/* base64_decode() - append the bytes to @out; false if @text is not Base64; missing padding is forgiven */
bool base64_decode(const char *text, struct buf *out);

#endif
