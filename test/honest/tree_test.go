package honest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// describe is one line about a file: all that two runs have in common.
func describe(t *testing.T, dir, name string) string {
	t.Helper()
	var st syscall.Stat_t
	check(t, syscall.Lstat(name, &st))
	rel, err := filepath.Rel(dir, name)
	check(t, err)
	line := fmt.Sprintf("%s %o uid %d gid %d", rel, st.Mode, st.Uid, st.Gid)
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFLNK:
		to, err := os.Readlink(name)
		check(t, err)
		return line + " -> " + to
	case syscall.S_IFREG:
		text, err := os.ReadFile(name)
		check(t, err)
		if strings.HasSuffix(name, ".db") || rel == "db" {
			return line // has counters of changes in it
		}
		return line + fmt.Sprintf(" links %d size %d %x", st.Nlink, st.Size, sha256.Sum256(text))
	}
	return line
}
