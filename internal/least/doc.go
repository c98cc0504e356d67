// Package least computes how many instructions a filter cannot do without, so
// that a filter can be compared with what is possible and not only with what
// others make.
//
// The bound is on the mean over calls whose arguments are all 0, and holds for
// programs that compare the call's number, whole, with constants (JEQ, JGT,
// JGE) as often as they like, look at architecture and arguments in any way,
// and answer by RET K. It says nothing of programs that test bits of the number
// or compute with it.
//
// With arguments and architecture fixed such a program is a binary tree of
// comparisons. A leaf of it holds either one number, which a JEQ found, or the
// numbers of an interval but for some that a JEQ took out on the way. So its
// depth is at least the number of the interval's inner ends plus that of the
// numbers taken out. The leaves' depths satisfy Kraft's inequality: the sum of 2^-depth is
// at most 1. The least mean depth of any division of the numbers into such
// leaves, under that one inequality, is at most that of the best tree. A
// Lagrange multiplier takes the inequality into the sum that is minimised (every
// multiplier gives a bound, the best is kept), and what is left is a shortest
// path from the first number to the last.
//
// To the tests of the number come the load of the number and the answer, two
// instructions for the architecture unless the call is killed, and two for an
// argument where the answer depends on one.
package least
