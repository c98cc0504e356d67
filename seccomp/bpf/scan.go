package bpf

import (
	"bytes"
	"fmt"
	"strconv"
)

// next reads a token: a word, which is a number or a name, or one character.
// Comments, strings and lines of the preprocessor are none.
func (r *reader) next() {
	r.skip()
	r.start = r.at
	for r.at < len(r.src) && isWord(r.src[r.at]) {
		r.at++
	}
	if r.at == r.start && r.at < len(r.src) {
		r.at++
	}
	r.token = string(r.src[r.start:r.at])
}

// skipped are what a token does not begin with: where it begins and ends.
var skipped = []struct{ begin, end string }{{"//", "\n"}, {"/*", "*/"}, {"#", "\n"}, {`"`, `"`}}

func (r *reader) skip() {
again:
	for r.at < len(r.src) && isSpace(r.src[r.at]) {
		r.at++
	}
	for _, s := range skipped {
		rest := r.src[r.at:]
		if !bytes.HasPrefix(rest, []byte(s.begin)) {
			continue
		}
		if n := bytes.Index(rest[len(s.begin):], []byte(s.end)); n >= 0 {
			r.at += len(s.begin) + n + len(s.end)
			goto again
		}
		r.at = len(r.src)
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isValue reports whether an expression can begin with the token.
func (r *reader) isValue() bool { return r.token != "" && (isWord(r.token[0]) || r.token == "(") }

// found names the token in an error, however long it is.
func (r *reader) found() string {
	const long = 40
	switch {
	case r.token == "":
		return "the end"
	case len(r.token) > long:
		return strconv.Quote(r.token[:long]) + "..."
	}
	return strconv.Quote(r.token)
}

func (r *reader) fail(format string, args ...any) *SyntaxError {
	return r.failAt(r.start, format, args...)
}

func (r *reader) failAt(at int, format string, args ...any) *SyntaxError {
	before := r.src[:at]
	return &SyntaxError{Line: 1 + bytes.Count(before, []byte("\n")), Col: at - bytes.LastIndexByte(before, '\n'),
		Offset: at, Msg: fmt.Sprintf(format, args...)}
}
