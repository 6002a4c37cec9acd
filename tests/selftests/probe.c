// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

#include "probe.h"
#include "space.h"

static __thread sigjmp_buf landing;
static __thread volatile sig_atomic_t armed;
static __thread const void *volatile last_address;

/* Not ours: let the access happen again without a handler, and kill. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!armed) {
		signal(sig, SIG_DFL);
		return;
	}
	last_address = info->si_addr;
	siglongjmp(landing, sig);
}

/* Without SA_NODEFER each landing would have to restore the signal mask. */
void probe_init(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGILL, &action, NULL);
}

const void *probe_address(void)
{
	return last_address;
}

int probe_read(const volatile void *address, uint64_t *value)
{
	int sig = sigsetjmp(landing, 0);

	if (!sig) {
		armed = 1;
		*value = *(const volatile uint64_t *)address;
	}
	armed = 0;
	return sig;
}

int probe_write(volatile void *address, uint64_t value)
{
	int sig = sigsetjmp(landing, 0);

	if (!sig) {
		armed = 1;
		*(volatile uint64_t *)address = value;
	}
	armed = 0;
	return sig;
}

int probe_exec(void *address)
{
	int sig = sigsetjmp(landing, 0);

	if (!sig) {
		armed = 1;
		((void (*)(void))address)();
	}
	armed = 0;
	return sig;
}

int probe_pages(const volatile void *address, uint64_t length, uint64_t value)
{
	uint64_t offset, seen;
	int sig;

	for (offset = 0; offset < length; offset += PAGE) {
		sig = probe_read((const volatile char *)address + offset,
				 &seen);
		if (sig)
			return sig;
		if (seen != value)
			return -1;
	}
	return 0;
}
