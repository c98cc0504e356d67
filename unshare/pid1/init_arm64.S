// The first process of a sandbox's PID namespace, for Linux on arm64. The
// comments are in init_amd64.S.

#define SYS_wait4		260
#define SYS_rt_sigprocmask	135
#define SYS_rt_sigtimedwait	137
#define SYS_prctl		167
#define PR_SET_DUMPABLE		4
#define PR_SET_NAME		15
#define SIG_BLOCK		0
#define WALL			0x40000000

	.globl	_start
	.text
_start:
	mov	x0, #PR_SET_DUMPABLE
	mov	x1, #0
	mov	x8, #SYS_prctl
	svc	#0

	mov	x0, #PR_SET_NAME
	adr	x1, name
	mov	x8, #SYS_prctl
	svc	#0

	mov	x0, #SIG_BLOCK
	adr	x1, sigchld
	mov	x2, #0
	mov	x3, #8
	mov	x8, #SYS_rt_sigprocmask
	svc	#0

reap:
	mov	x0, #-1
	mov	x1, #0
	mov	x2, #WALL
	mov	x3, #0
	mov	x8, #SYS_wait4
	svc	#0
	tbz	x0, #63, reap

	adr	x0, sigchld
	mov	x1, #0
	mov	x2, #0
	mov	x3, #8
	mov	x8, #SYS_rt_sigtimedwait
	svc	#0
	b	reap

	.balign	8
sigchld:
	.quad	1 << (17 - 1)
name:
	.asciz	"belljar-init"
