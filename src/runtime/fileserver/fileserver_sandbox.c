/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the server gives up before it looks at the first request. From here on it can read what it holds open, write to the descriptor of
 * the file system, have memory that is not executable, and threads; it cannot open, connect, signal, trace, execute or change anything.
 * So a flaw in the reading of a hostile image, or in a library that unpacks it, ends at bytes served to the container that the image
 * belongs to anyway.
 *
 * A call that is not in the list fails with EPERM and kills nothing: a C library that wants to know something harmless goes on.
 */
#include "runtime/fileserver/fileserver_priv.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define NATIVE_ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE_ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define NATIVE_ARCH AUDIT_ARCH_S390X
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(NATIVE_ARCH) && !defined(SANITIZED)

/* Arguments are 64 bits; flags are in the lower half. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#else
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n) + 4)
#endif

#if defined(__s390x__)
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

#define LOAD(at)	     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))
#define RETURN(what)	     BPF_STMT(BPF_RET | BPF_K, (what))
#define DENY(errnum)	     RETURN(SECCOMP_RET_ERRNO | (errnum))
/* If the call is @nr, the next @n instructions decide; else they are passed over. */
#define IF_CALL(nr, n)	     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, (n))
#define ALLOW(nr)	     IF_CALL(nr, 1), RETURN(SECCOMP_RET_ALLOW)
/* Memory calls whose third argument is the protection. */
#define ALLOW_NOT_EXEC(nr)                                                                                                              \
	IF_CALL(nr, 4), LOAD(ARG_LOW(2)), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), DENY(EPERM), RETURN(SECCOMP_RET_ALLOW)

static const struct sock_filter filter[] = {
	LOAD(offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(offsetof(struct seccomp_data, nr)),
	/* requests, replies, blocks; the most frequent first */
	ALLOW(SYS_read),
	ALLOW(SYS_writev),
	ALLOW(SYS_futex),
	ALLOW(SYS_pread64),
	ALLOW(SYS_write),
	/* memory */
#ifdef SYS_mmap
	ALLOW_NOT_EXEC(SYS_mmap),
#endif
#ifdef SYS_mmap2
	ALLOW_NOT_EXEC(SYS_mmap2),
#endif
	ALLOW_NOT_EXEC(SYS_mprotect),
	ALLOW(SYS_munmap),
	ALLOW(SYS_mremap),
	ALLOW(SYS_madvise),
	ALLOW(SYS_brk),
	/* threads: clone3 hides its flags behind a pointer, without it the C library uses clone */
	IF_CALL(SYS_clone3, 1),
	DENY(ENOSYS),
	IF_CALL(SYS_clone, 4),
	LOAD(ARG_LOW(CLONE_FLAGS_ARG)),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
	DENY(EPERM),
	RETURN(SECCOMP_RET_ALLOW),
	/* a table of descriptors of its own, for a thread; no namespaces */
	IF_CALL(SYS_unshare, 4),
	LOAD(ARG_LOW(0)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CLONE_FILES, 1, 0),
	DENY(EPERM),
	RETURN(SECCOMP_RET_ALLOW),
	ALLOW(SYS_set_robust_list),
#ifdef SYS_rseq
	ALLOW(SYS_rseq),
#endif
	ALLOW(SYS_exit),
	ALLOW(SYS_exit_group),
	/* the idle timer, time */
	ALLOW(SYS_setitimer),
	ALLOW(SYS_rt_sigreturn),
	ALLOW(SYS_rt_sigprocmask),
	ALLOW(SYS_restart_syscall),
	ALLOW(SYS_clock_gettime),
#ifdef SYS_futex_time64
	ALLOW(SYS_futex_time64),
	ALLOW(SYS_clock_gettime64),
#endif
	ALLOW(SYS_rt_sigaction), /* the C library's own, at the first thread */
	ALLOW(SYS_gettid),
	ALLOW(SYS_getpid),
	ALLOW(SYS_geteuid), /* both for log lines */
	ALLOW(SYS_close),
	DENY(EPERM),
};

bool sandbox_enter(void)
{
	/* The kernel's header is not const-correct: it does not write there. */
	struct sock_fprog program = { .len = ARRAY_LEN(filter), .filter = (struct sock_filter *)(uintptr_t)filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

#else /* an architecture whose calls we have not looked at, or a sanitizer with calls of its own */

bool sandbox_enter(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

#endif
