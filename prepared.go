package belljar

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/belljar/belljar/seccomp/bpf"
)

// Some filters were compiled when Belljar was written: those of presets whose
// rules on calls nobody has changed. To compile one is an eighth of what a command
// takes to start, since every page that it needs is new. TestPrepared says which runs they are for, writes them, and compares them
// with what the compiler makes of the same runs today.
//
// The text in preparedFilters, of which there is one for each architecture, has
// the number of filters first, then the key, the place and the length of each,
// then the filters, arrays of struct sock_filter. Numbers have 32 bits, the low
// ones first.
const (
	preparedNumber = 4
	preparedRow    = sha256.Size + 2*preparedNumber
)

// prepared finds the filter for a key, nil if there is none.
func prepared(key [sha256.Size]byte) *template {
	number := func(at int) int {
		return int(binary.LittleEndian.Uint32([]byte(preparedFilters[at : at+preparedNumber])))
	}
	for row, n := preparedNumber, number(0); n > 0; row, n = row+preparedRow, n-1 {
		at := row + sha256.Size
		if preparedFilters[row:at] != string(key[:]) {
			continue
		}
		from, length := number(at), number(at+preparedNumber)
		filter, err := bpf.ReadRaw([]byte(preparedFilters[from : from+length]))
		if err != nil {
			panic("belljar: a prepared filter: " + err.Error()) // TestPrepared reads all
		}
		return newTemplate([]bpf.Program{filter})
	}
	return nil
}
