// Package landlock turns the union of all that a policy may ever allow into a
// Landlock ruleset, which the kernel keeps beneath every supervisor: a mistake
// above it stays inside the union.
//
// Landlock (landlock(7)) decides by the inode at use, so no race and no name
// deceives it, but it knows only whole directory trees and only grants. The
// union is therefore wider than the policy, never narrower:
//
//   - A rule grants its access to everything below the path in front of its
//     first wildcard. A wildcard inside one component is looked up in the
//     directory, if that has few matches and the program could make no other.
//   - What the policy refuses inside a granted tree is not refused here.
//   - Looking (Stat), chmod, chown, chdir and unix sockets with a path are
//     beyond Landlock.
//   - The inodes of procfs come and go, so a rule on one is a rule on all.
//
// In two cases the union is narrower. A directory that a rule grants with all
// that is in it ("./out/**") cannot itself be removed, renamed or replaced if
// it exists when the program starts; a rule on it alone ("./out") allows that,
// and opens the directory that it is in. And what appears or is replaced during
// the run by somebody else, at a path that a rule names exactly, is not in the
// union: the kernel was told of another inode, or of none.
//
// The ruleset is made by the launched process itself (see [Ruleset.Steps]),
// because the file systems of a private root are its own, because a name that
// does not exist, or that the program's user cannot reach, is then the kernel's
// answer and no guess, and because no ruleset grows stale between runs.
package landlock
