// Package supervise decides trapped system calls: a supervisor stops a call
// and makes a Trap of it, a Handler turns the Trap into a Decision.
//
// The policy engine is one Handler. It treats a call on a path in four steps
// that know nothing of each other: read the arguments once (request.go),
// resolve them to the object that the kernel would reach (resolve.go, walk.go),
// decide by that object (decide.go), and leave the answer to the supervisor.
package supervise
