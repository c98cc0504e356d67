package policy

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// tree is a YAML document as policies use it: plain scalars, lists and maps,
// each with its place. Anchors, aliases and tags are errors, because a policy
// should read as what it does.
type tree struct {
	pos     Pos
	kind    treeKind
	text    string // of a scalar, as written, without quotes
	items   []tree // of a list
	entries []entry
}

type entry struct{ key, value tree }

type treeKind uint8

const (
	null treeKind = iota
	scalar
	list
	mapping
)

func (k treeKind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a map"}[k]
}

// parseTree reads one YAML document.
func parseTree(file string, src []byte) (tree, *Error) {
	doc, err := parser.ParseBytes(src, 0)
	if err != nil {
		e := errorAt(Pos{File: file, Line: 1, Col: 1}, "%s", err)
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			e.Msg = "not YAML: " + syntax.GetMessage()
			if t := syntax.GetToken(); t != nil {
				e.Pos = place(file, t)
				if strings.HasPrefix(t.Origin, "@") || t.Value == "@" {
					e.Hint = `in YAML the name of a group needs quotes: "@basic-io"`
				}
			}
		}
		return tree{}, e
	}
	var bodies []ast.Node
	for _, d := range doc.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return tree{pos: Pos{File: file, Line: 1, Col: 1}}, nil
	case 1:
		return grow(file, bodies[0], 0)
	}
	return tree{}, errorAt(place(file, bodies[1].GetToken()), "a policy is one document, here begins a second one")
}

func place(file string, t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{File: file, Line: 1, Col: 1}
	}
	return Pos{File: file, Line: max(1, t.Position.Line), Col: max(1, t.Position.Column)}
}

// maxDepth is deeper than any policy, and keeps hostile input off the stack.
const maxDepth = 16

func grow(file string, n ast.Node, depth int) (tree, *Error) {
	t := tree{pos: place(file, n.GetToken())}
	if depth > maxDepth {
		return t, errorAt(t.pos, "nested too deeply")
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return t, nil
	case *ast.MappingNode:
		t.kind = mapping
		for _, v := range n.Values {
			if err := t.grow(file, v, depth); err != nil {
				return t, err
			}
		}
		if len(t.entries) > 0 && !n.IsFlowStyle {
			t.pos = t.entries[0].key.pos
		}
		return t, nil
	case *ast.MappingValueNode:
		t.kind = mapping
		err := t.grow(file, n, depth)
		return t, err
	case *ast.SequenceNode:
		t.kind = list
		for _, v := range n.Values {
			item, err := grow(file, v, depth+1)
			if err != nil {
				return t, err
			}
			t.items = append(t.items, item)
		}
		return t, nil
	case *ast.LiteralNode:
		t.kind, t.text = scalar, n.Value.Value
		return t, nil
	case *ast.StringNode:
		t.kind, t.text = scalar, n.Value
		return t, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		t.kind, t.text = scalar, n.GetToken().Value
		return t, nil
	}
	return t, errorAt(t.pos, "policies have no use for YAML's %s", n.Type())
}

// grow adds one entry of a mapping.
func (t *tree) grow(file string, v *ast.MappingValueNode, depth int) *Error {
	key, err := grow(file, v.Key, depth+1)
	if err != nil {
		return err
	}
	if key.kind != scalar {
		return errorAt(key.pos, "a key is a single value")
	}
	for _, e := range t.entries {
		if e.key.text == key.text {
			return errorAt(key.pos, "%q is there twice, the other is in line %d", key.text, e.key.pos.Line)
		}
	}
	value, err := grow(file, v.Value, depth+1)
	if err != nil {
		return err
	}
	if value.kind == null {
		value.pos = key.pos
	}
	t.entries = append(t.entries, entry{key, value})
	return nil
}

// want returns an error unless the tree is of a kind. Nothing at all is taken
// for an empty list or map: a section whose lines are all commented out.
func (t tree) want(kind treeKind, what string) *Error {
	if t.kind == kind || t.kind == null && kind != scalar {
		return nil
	}
	return errorAt(t.pos, "%s is %s, not %s", what, kind, t.kind)
}

// fields calls the function that belongs to each key of a mapping.
func (t tree) fields(what string, known []field) *Error {
	if err := t.want(mapping, what); err != nil {
		return err
	}
	var bad *Error
	for _, e := range t.entries {
		f := findField(known, e.key.text)
		if f == nil {
			var names []string
			for _, f := range known {
				names = append(names, f.name)
			}
			bad = bad.and(unknown(e.key.pos, "key", e.key.text, names))
			continue
		}
		bad = bad.and(f.read(e.value))
	}
	return bad
}

type field struct {
	name string
	read func(tree) *Error
}

func findField(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

// names reads a list of scalars; one scalar is taken for a list of one.
func (t tree) names(what string) ([]tree, *Error) {
	if t.kind == scalar {
		return []tree{t}, nil
	}
	if err := t.want(list, what); err != nil {
		return nil, err
	}
	for _, item := range t.items {
		if err := item.want(scalar, "an item of "+what); err != nil {
			return nil, err
		}
	}
	return t.items, nil
}
