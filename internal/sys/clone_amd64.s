#include "textflag.h"

#define SYS_clone	56
#define SYS_clone3	435

// func rawClone(flags uintptr, stack unsafe.Pointer, ptid, ctid *int32, m *Machine, p *Proc, sixth uintptr) (pid, errno uintptr)
//
// The child starts on a stack of its own, so parent and child cannot damage
// each other's frames although they share memory.
TEXT ·rawClone(SB),NOSPLIT|NOFRAME,$0-72
	MOVQ	flags+0(FP), DI
	MOVQ	stack+8(FP), SI
	MOVQ	ptid+16(FP), DX
	MOVQ	ctid+24(FP), R10
	MOVQ	$0, R8
	MOVQ	m+32(FP), R12	// the kernel preserves R12 and R13
	MOVQ	p+40(FP), R13
	MOVQ	sixth+48(FP), R9
	MOVQ	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	CMPQ	AX, $0xfffffffffffff001
	JLS	parent
	MOVQ	$-1, pid+56(FP)
	NEGQ	AX
	MOVQ	AX, errno+64(FP)
	RET
parent:
	MOVQ	AX, pid+56(FP)
	MOVQ	$0, errno+64(FP)
	RET
child:
	JMP	·launched(SB)

// func rawClone3(args *cloneArgs, size uintptr, m *Machine, p *Proc) (pid, errno uintptr)
TEXT ·rawClone3(SB),NOSPLIT|NOFRAME,$0-48
	MOVQ	args+0(FP), DI
	MOVQ	size+8(FP), SI
	MOVQ	m+16(FP), R12
	MOVQ	p+24(FP), R13
	MOVQ	$SYS_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	CMPQ	AX, $0xfffffffffffff001
	JLS	parent
	MOVQ	$-1, pid+32(FP)
	NEGQ	AX
	MOVQ	AX, errno+40(FP)
	RET
parent:
	MOVQ	AX, pid+32(FP)
	MOVQ	$0, errno+40(FP)
	RET
child:
	JMP	·launched(SB)

// launched is where a new process begins, with m in R12 and p in R13.
//
// Go's register ABI: arguments in AX and BX, with room on the stack to spill
// them, g in R14, which the kernel preserved, and X15 zero. The call is
// indirect, so that the linker does not see a recursion without a stack check:
// this is another stack.
TEXT ·launched(SB),NOSPLIT|NOFRAME,$0-0
	SUBQ	$16, SP
	MOVQ	R12, AX
	MOVQ	R13, BX
	XORPS	X15, X15
	MOVQ	·stepsEntry(SB), CX
	CALL	CX
	INT	$3	// runSteps never returns

// func loadAcquire(p *int32) int32
TEXT ·loadAcquire(SB),NOSPLIT|NOFRAME,$0-12
	MOVQ	p+0(FP), AX
	MOVL	(AX), AX	// every load acquires on this architecture
	MOVL	AX, ret+8(FP)
	RET
