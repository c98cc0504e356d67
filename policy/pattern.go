package policy

import "strings"

// deep matches any number of components, also none. In other components "*"
// stands for any bytes; "?", "[" and "\" are bytes like others.
const deep = "**"

// badPattern says what is wrong with a pattern, or "".
func badPattern(p string) string {
	if p == "" {
		return "it is empty"
	}
	if strings.IndexByte(p, 0) >= 0 {
		return "no path holds a zero byte"
	}
	for _, c := range strings.Split(p, "/") {
		switch {
		case c == "..":
			return `".." is not resolved in patterns: name the directory itself`
		case c != deep && strings.Contains(c, deep):
			return `"**" must be a whole component, as in "/usr/**"`
		}
	}
	return ""
}

// component is one component of a pattern.
type component struct {
	text string
	kind componentKind
}

type componentKind uint8

const (
	literal  componentKind = iota
	glob                   // text has stars
	anyDepth               // deep
)

// components splits a pattern that badPattern accepts; dir is where relative
// ones count from. "." and empty components mean nothing and are dropped.
func components(pattern, dir string) []component {
	var out []component
	if !strings.HasPrefix(pattern, "/") {
		// The directory's name is literal, whatever bytes it holds.
		out = literals(dir)
	}
	for _, text := range splitClean(pattern) {
		switch {
		case text == deep:
			out = append(out, component{text, anyDepth})
		case strings.Contains(text, "*"):
			out = append(out, component{text, glob})
		default:
			out = append(out, component{text, literal})
		}
	}
	return out
}

// literals splits a path that is no pattern.
func literals(path string) []component {
	var out []component
	for _, text := range splitClean(path) {
		out = append(out, component{text, literal})
	}
	return out
}

func splitClean(p string) []string {
	var out []string
	for _, c := range strings.Split(p, "/") {
		if c != "" && c != "." {
			out = append(out, c)
		}
	}
	return out
}

// canonical is the spelling under which two patterns are the same rule.
func canonical(pattern string) string {
	joined := strings.Join(splitClean(pattern), "/")
	if strings.HasPrefix(pattern, "/") {
		return "/" + joined
	}
	return "./" + joined
}

// matchComponent reports whether a component's text matches a pattern's.
func matchComponent(pattern, s string) bool {
	// Greedy matching with one point of return is exact, because a later
	// star can absorb whatever an earlier one gives back.
	star, resume := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, resume = i, j
			i++
		case i < len(pattern) && pattern[i] == s[j]:
			i, j = i+1, j+1
		case star >= 0:
			resume++
			i, j = star+1, resume
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}
