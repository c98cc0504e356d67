package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is a mistake in a policy, so it is the caller's to mend.
type Error struct {
	Pos  Pos    // where; the zero Pos for a policy made in Go
	Msg  string // what is wrong
	Hint string // what to write instead, or ""

	more []*Error
}

// All returns this mistake and the others that were found in the same policy,
// by place.
func (e *Error) All() []*Error {
	all := append([]*Error{e}, e.more...)
	slices.SortStableFunc(all, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return all
}

// and is both mistakes, of which either may be nil; e comes first.
func (e *Error) and(other *Error) *Error {
	if e == nil || other == nil {
		return cmp.Or(e, other)
	}
	e.more = append(append(e.more, other), other.more...)
	return e
}

// Error returns "file:line:col: message (hint)".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Pos != (Pos{}) {
		fmt.Fprintf(&b, "%s:%d:%d: ", e.Pos.File, e.Pos.Line, e.Pos.Col)
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

func errorAt(pos Pos, format string, args ...any) *Error {
	return &Error{Pos: pos, Msg: fmt.Sprintf(format, args...)}
}

// unknown is the error for a name that is not among those known.
func unknown(pos Pos, what, name string, known []string) *Error {
	e := errorAt(pos, "unknown %s %q", what, name)
	if near := Nearest(name, known); near != "" {
		e.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return e
}

// Nearest returns the known name that takes the fewest edits to reach, or ""
// when even that one is more of another word than a slip of the pen.
func Nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return k
		}
		if d := distance(name, k, least); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours between a and b (optimal string alignment), or limit if it is at
// least that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
