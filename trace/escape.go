package trace

import (
	"strconv"
	"strings"
)

// appendQuoted appends a string in C's quotes: printable ASCII as it is, all
// else escaped, so that no byte that a program chose reaches a terminal or a
// page. cut says that there was more.
func appendQuoted(out, s []byte, cut bool) []byte {
	out = append(out, '"')
	out = appendEscaped(out, s, "\"\\")
	out = append(out, '"')
	if cut {
		out = append(out, "..."...)
	}
	return out
}

// escapes are the control characters that have a letter.
var escapes = [...]byte{'\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r'}

// appendEscaped escapes what is not printable ASCII, and the bytes of special.
// Octal numbers have as few digits as the next byte allows.
func appendEscaped(out, s []byte, special string) []byte {
	done := 0
	for i, c := range s {
		if ordinary[c] {
			continue
		}
		out = append(out, s[done:i]...)
		done = i + 1
		switch {
		case c >= ' ' && c < 0x7f && strings.IndexByte(special, c) < 0:
			out = append(out, c)
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case int(c) < len(escapes) && escapes[c] != 0:
			out = append(out, '\\', escapes[c])
		default:
			out = append(out, '\\')
			if next := i + 1; c < 0o100 && next < len(s) && s[next] >= '0' && s[next] <= '9' {
				out = append(out, '0'+c>>6, '0'+c>>3&7, '0'+c&7)
			} else {
				out = strconv.AppendUint(out, uint64(c), 8)
			}
		}
	}
	return append(out, s[done:]...)
}

// ordinary are the bytes that nobody wants escaped, so most of all.
var ordinary = func() (all [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		all[c] = strings.IndexByte("\"\\<>", c) < 0
	}
	return all
}()

// appendHex appends bytes that are no text, each as \xNN.
func appendHex(out, s []byte, cut bool) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	for _, c := range s {
		out = append(out, '\\', 'x', digits[c>>4], digits[c&15])
	}
	out = append(out, '"')
	if cut {
		out = append(out, "..."...)
	}
	return out
}

// Quote returns a name as it is if it is plain ASCII without quotes, and in C's
// quotes otherwise.
func Quote(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return string(appendQuoted(nil, []byte(s), false))
		}
	}
	return s
}

// Unquote undoes Quote.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	body := s[1 : len(s)-1]
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 == len(body) {
			out = append(out, body[i])
			continue
		}
		i++
		c := body[i]
		if c < '0' || c > '7' {
			for plain, letter := range escapes {
				if letter == c {
					c = byte(plain)
					break
				}
			}
			out = append(out, c)
			continue
		}
		value, end := 0, i
		for end < len(body) && end < i+3 && body[end] >= '0' && body[end] <= '7' {
			value = value*8 + int(body[end]-'0')
			end++
		}
		out = append(out, byte(value))
		i = end - 1
	}
	return string(out)
}
