package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// clean makes text that a program may have chosen safe to print: what is not
// printable, such as the start of a terminal's escape sequence, is written the
// way Go quotes it. Line breaks are escaped too, so a line stays a line.
func clean(s string) string {
	printable := true
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			printable = false
			break
		}
	}
	if printable {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r == utf8.RuneError && size == 1) || !strconv.IsPrint(r) {
			q := strconv.Quote(s[i : i+size])
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// quote returns a name as it is if nothing in it could mislead a reader, and
// in Go's quotes otherwise.
func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \"'\\") || clean(s) != s {
		return strconv.Quote(s)
	}
	return s
}

// shellWord spells a word of a command line as a shell reads it: as it is, in
// single quotes, or in bash's $'...' where it is not printable ASCII.
func shellWord(s string) string {
	const plain = "@%+=:,./-_"
	bare, printable := s != "", true
	for i := range len(s) {
		c := s[i]
		printable = printable && c >= ' ' && c < 0x7f
		bare = bare && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0)
	}
	switch {
	case bare:
		return s
	case printable:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	b := []byte("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b = append(b, '\\', c)
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
		default:
			b = fmt.Appendf(b, `\%03o`, c)
		}
	}
	return string(append(b, '\''))
}

// seconds prints a duration with the digits that matter to a reader.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// byteSize prints a size in the largest unit that keeps it above one.
func byteSize(n int64) string {
	const units = "KMGT"
	if n < 1<<10 {
		return fmt.Sprintf("%dB", n)
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1<<10 && unit < len(units)-1 {
		value, unit = value/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f%c", value, units[unit])
}
