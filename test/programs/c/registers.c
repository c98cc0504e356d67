// Looks at the registers with which it starts: nothing of the call that
// executed it is in those of its arguments, the sixth least of all.
//
// build: bare
// run: policy=judge verdict=ok
// run: policy=strict verdict=ok
#include <sys/syscall.h>

#if defined(__x86_64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	or %rsi, %rdi\n"
	"	or %rdx, %rdi\n"
	"	or %r10, %rdi\n"
	"	or %r8, %rdi\n"
	"	or %r9, %rdi\n"
	"	setnz %dil\n"
	"	movzbl %dil, %edi\n"
	"	imul $42, %edi\n"
	"	mov $231, %eax\n" // exit_group
	"	syscall\n");
#else
__asm__(".globl _start\n"
	"_start:\n"
	"	orr x0, x0, x1\n"
	"	orr x0, x0, x2\n"
	"	orr x0, x0, x3\n"
	"	orr x0, x0, x4\n"
	"	orr x0, x0, x5\n"
	"	cmp x0, #0\n"
	"	mov x0, #42\n"
	"	csel x0, xzr, x0, eq\n"
	"	mov x8, #94\n" // exit_group
	"	svc #0\n");
#endif
