// The first process of a sandbox's PID namespace, for Linux on x86-64.
//
// It reaps the processes whose parents died, so that their CPU time is counted
// in its own when Belljar waits for it, and it ends when Belljar kills it, which
// ends the namespace. It has no stack, no data, no files and no capabilities.

#define SYS_rt_sigprocmask	14
#define SYS_wait4		61
#define SYS_rt_sigtimedwait	128
#define SYS_prctl		157
#define PR_SET_DUMPABLE		4
#define PR_SET_NAME		15
#define SIG_BLOCK		0
#define WALL			0x40000000

	.globl	_start
	.text
_start:
	// Whoever may not kill it may not look into it either.
	movl	$PR_SET_DUMPABLE, %edi
	xorl	%esi, %esi
	movl	$SYS_prctl, %eax
	syscall

	movl	$PR_SET_NAME, %edi
	leaq	name(%rip), %rsi
	movl	$SYS_prctl, %eax
	syscall

	// SIGCHLD must be blocked to be waited for: a pending signal that is
	// ignored by default is kept only while it is blocked.
	movl	$SIG_BLOCK, %edi
	leaq	sigchld(%rip), %rsi
	xorl	%edx, %edx
	movl	$8, %r10d
	movl	$SYS_rt_sigprocmask, %eax
	syscall

	// Reap whatever there is, wait4(-1, NULL, __WALL, NULL). It fails
	// with ECHILD when there is no child.
reap:
	movq	$-1, %rdi
	xorl	%esi, %esi
	movl	$WALL, %edx
	xorl	%r10d, %r10d
	movl	$SYS_wait4, %eax
	syscall
	testq	%rax, %rax
	jns	reap

	// Then sleep until one is adopted and dies, rt_sigtimedwait({SIGCHLD}).
	leaq	sigchld(%rip), %rdi
	xorl	%esi, %esi
	xorl	%edx, %edx
	movl	$8, %r10d
	movl	$SYS_rt_sigtimedwait, %eax
	syscall
	jmp	reap

	.balign	8
sigchld:
	.quad	1 << (17 - 1)
name:
	.asciz	"belljar-init"
