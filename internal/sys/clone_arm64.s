#include "textflag.h"

#define SYS_clone	220
#define SYS_clone3	435

// func rawClone(flags uintptr, stack unsafe.Pointer, ptid, ctid *int32, m *Machine, p *Proc, sixth uintptr) (pid, errno uintptr)
//
// As on amd64, except that arm64's clone takes tls before ctid.
TEXT ·rawClone(SB),NOSPLIT|NOFRAME,$0-72
	MOVD	flags+0(FP), R0
	MOVD	stack+8(FP), R1
	MOVD	ptid+16(FP), R2
	MOVD	ZR, R3
	MOVD	ctid+24(FP), R4
	MOVD	m+32(FP), R19	// the kernel preserves R19 and R20
	MOVD	p+40(FP), R20
	MOVD	sixth+48(FP), R5
	MOVD	$SYS_clone, R8
	SVC
	CBZ	R0, child
	CMN	$4095, R0
	BCC	parent
	MOVD	$-1, R6
	MOVD	R6, pid+56(FP)
	NEG	R0, R0
	MOVD	R0, errno+64(FP)
	RET
parent:
	MOVD	R0, pid+56(FP)
	MOVD	ZR, errno+64(FP)
	RET
child:
	B	·launched(SB)

// func rawClone3(args *cloneArgs, size uintptr, m *Machine, p *Proc) (pid, errno uintptr)
TEXT ·rawClone3(SB),NOSPLIT|NOFRAME,$0-48
	MOVD	args+0(FP), R0
	MOVD	size+8(FP), R1
	MOVD	m+16(FP), R19
	MOVD	p+24(FP), R20
	MOVD	$SYS_clone3, R8
	SVC
	CBZ	R0, child
	CMN	$4095, R0
	BCC	parent
	MOVD	$-1, R5
	MOVD	R5, pid+32(FP)
	NEG	R0, R0
	MOVD	R0, errno+40(FP)
	RET
parent:
	MOVD	R0, pid+32(FP)
	MOVD	ZR, errno+40(FP)
	RET
child:
	B	·launched(SB)

// launched is where a new process begins, with m in R19 and p in R20.
//
// Go's register ABI: arguments in R0 and R1, with room on the stack to spill
// them, and g in R28, which the kernel preserved. The call is indirect, so that
// the linker does not see a recursion without a stack check: this is another
// stack.
TEXT ·launched(SB),NOSPLIT|NOFRAME,$0-0
	SUB	$32, RSP
	MOVD	R19, R0
	MOVD	R20, R1
	MOVD	·stepsEntry(SB), R5
	BL	(R5)
	BRK	$0	// runSteps never returns

// func loadAcquire(p *int32) int32
TEXT ·loadAcquire(SB),NOSPLIT|NOFRAME,$0-12
	MOVD	p+0(FP), R0
	LDARW	(R0), R0
	MOVW	R0, ret+8(FP)
	RET
