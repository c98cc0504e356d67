// Package programs holds honest and hostile programs that tests run in the
// sandboxes. Each says in its header what it does and what must become of it.
//
// A header is the comment at the start of a source file. Its prose is the
// program's purpose. Lines of the form
//
//	build: dynamic static
//	run: policy=compile args="a b" verdict=violation syscall=fork
//
// say how it is compiled (each word is one variant) and list its cases: the
// options of one run and what is expected of it. Package test/cases gives the
// keys of a case their meaning.
package programs

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed c cpp go java js py
var sources embed.FS

// Tree is a tree of sources: c/hello.c, py/hello.py and so on. It is part of
// the test binary, so that tests need no checkout that the user may read.
type Tree struct {
	Sources fs.FS
	Dir     string // where it is in the repository
	Prefix  string // of its programs' names, "" or "escapes/"
}

// Programs is the tree of this package.
var Programs = Tree{Sources: sources, Dir: "test/programs"}

// Program is one source file with its header.
type Program struct {
	Name    string   // "c/hello": the path without its extension, behind its tree's prefix
	File    string   // "c/hello.c"
	Dir     string   // of the tree, in the repository
	Purpose string   // the prose of the header
	Builds  []string // variants, such as "dynamic" and "static"
	Cases   []Case
}

// Path is where the source is in the repository.
func (p *Program) Path() string { return path.Join(p.Dir, p.File) }

// Lang is the directory of the program, such as "c".
func (p *Program) Lang() string {
	lang, _, _ := strings.Cut(p.Name, "/")
	return lang
}

// Case is one run: line of a header.
type Case struct {
	Line int
	Keys map[string]string
}

// All returns all programs, in the order of their names.
func (t Tree) All() ([]*Program, error) {
	var all []*Program
	err := fs.WalkDir(t.Sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".h" {
			return err
		}
		src, err := fs.ReadFile(t.Sources, name)
		if err != nil {
			return err
		}
		p, err := parse(name, string(src))
		if err != nil {
			return err
		}
		p.Name, p.Dir = t.Prefix+p.Name, t.Dir
		all = append(all, p)
		return nil
	})
	return all, err
}

func parse(file, src string) (*Program, error) {
	p := &Program{Name: strings.TrimSuffix(file, path.Ext(file)), File: file}
	var prose []string
	for i, line := range strings.Split(src, "\n") {
		text, ok := comment(line)
		if !ok {
			break
		}
		key, rest, found := strings.Cut(text, ": ")
		switch {
		case found && key == "build":
			p.Builds = strings.Fields(rest)
		case found && key == "run":
			keys, err := pairs(rest)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
			}
			p.Cases = append(p.Cases, Case{Line: i + 1, Keys: keys})
		default:
			prose = append(prose, text)
		}
	}
	p.Purpose = strings.TrimSpace(strings.Join(prose, " "))
	if p.Builds == nil {
		p.Builds = []string{"dynamic"}
	}
	if p.Purpose == "" || len(p.Cases) == 0 {
		return nil, fmt.Errorf("%s: the header has no purpose or no run: line", file)
	}
	return p, nil
}

// comment returns the text of a line comment of C, Go, Java or Python.
func comment(line string) (string, bool) {
	for _, mark := range []string{"//", "#"} {
		if text, ok := strings.CutPrefix(line, mark); ok && !strings.HasPrefix(text, "include") && !strings.HasPrefix(text, "define") {
			return strings.TrimSpace(text), true
		}
	}
	return "", false
}

// pairs splits `a=b c="d e"`. A quoted value knows the escape \n.
func pairs(s string) (map[string]string, error) {
	keys := map[string]string{}
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		key, rest, ok := strings.Cut(s, "=")
		if !ok || strings.ContainsAny(key, " \"") {
			return nil, fmt.Errorf("no key=value in %q", s)
		}
		value := rest
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			if value, s, ok = strings.Cut(quoted, `"`); !ok {
				return nil, fmt.Errorf("quote of %s is not closed", key)
			}
		} else {
			value, s, _ = strings.Cut(rest, " ")
		}
		if _, twice := keys[key]; twice {
			return nil, fmt.Errorf("%s is given twice", key)
		}
		keys[key] = strings.ReplaceAll(value, `\n`, "\n")
	}
	return keys, nil
}
