// Package escapes holds programs that try to get out of the sandboxes, to get
// at what they must not have, to use more than their share, or to deceive who
// judges them. Each says in its header what must become of it. Together with
// those of test/programs they are the tests behind docs/threat-model.md.
package escapes

import (
	"embed"
	"io/fs"

	"github.com/belljar/belljar/test/programs"
)

//go:embed c
var sources embed.FS

// Programs is the tree of this package: "escapes/races" and so on.
var Programs = programs.Tree{Sources: below("c"), Dir: "test/escapes/c", Prefix: "escapes/"}

func below(dir string) fs.FS {
	sub, err := fs.Sub(sources, dir)
	if err != nil {
		panic(err) // the name is not a valid path
	}
	return sub
}
