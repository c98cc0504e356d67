package cases

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// Arena is the directory of one run: what the program may have, what it must
// not have, and the program. Everything in it is open to everybody as far as
// permissions go: only the sandbox keeps the program from it. It is not in
// /tmp, which presets allow.
type Arena struct {
	Dir    string
	Secret string // a file in a directory that the program is told nothing of
	Box    string // a directory for the program
	Inner  string // a secret in the box, which the box's rules refuse
	Fixed  string // a file in the box that the rules let it only read
	Tool   string // beside Secret, another copy of the program

	secret string            // the bytes of Secret and Inner
	before map[string]string // what must not change, as describe has it
}

// fixedText is what Fixed holds.
const fixedText = "read me\n"

// NewArena makes a directory, which is removed at the end of the test. With a
// program, the arena has a copy of it, whose path no other run has.
func NewArena(t testing.TB, program string) *Arena {
	t.Helper()
	dir := testkit.DirIn(t, "/var/tmp")
	a := &Arena{
		Dir: dir, Secret: dir + "/hidden/secret", Box: dir + "/box", Inner: dir + "/box/secret", Fixed: dir + "/box/fixed",
		Tool:   dir + "/hidden/tool",
		secret: randomText(),
	}
	for _, d := range []string{a.Box, filepath.Dir(a.Secret)} {
		must(t, os.Mkdir(d, 0o777))
		must(t, os.Chmod(d, 0o777))
	}
	for name, text := range map[string]string{a.Secret: a.secret, a.Inner: a.secret, a.Fixed: fixedText} {
		must(t, os.WriteFile(name, []byte(text), 0o666))
		must(t, os.Chmod(name, 0o666))
	}
	if program != "" {
		// By another process: a descriptor of ours that is open for writing could
		// be in a child that is just being started, and then nobody can execute
		// the file (ETXTBSY).
		if out, err := exec.Command("/bin/cp", program, a.Program()).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
		must(t, os.Chmod(a.Program(), 0o755))
		must(t, os.Link(a.Program(), a.Tool))
	}
	must(t, os.Chmod(dir, 0o755))
	if os.Geteuid() == 0 {
		a.giveAway(t)
	}
	var err error
	a.before, err = a.describe()
	must(t, err)
	return a
}

// giveAway makes the program's user the owner of all, who may do everything
// that permissions can give.
func (a *Arena) giveAway(t testing.TB) {
	t.Helper()
	must(t, filepath.WalkDir(a.Dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == a.Dir {
			return err
		}
		return os.Lchown(name, testkit.Nobody, testkit.Nobody)
	}))
}

// Program is where the copy of the program lies.
func (a *Arena) Program() string { return filepath.Join(a.Dir, "program") }

// randomText is letters that appear nowhere else, so that six of them in a row
// are a leak.
func randomText() string {
	b := make([]byte, 64)
	for i := range b {
		b[i] = byte('A' + rand.IntN(26))
	}
	return string(b)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Fill replaces {secret} and the like in the text of a header.
func (a *Arena) Fill(s string) string {
	return strings.NewReplacer("{secret}", a.Secret, "{hidden}", filepath.Dir(a.Secret), "{box}", a.Box, "{inner}", a.Inner,
		"{fixed}", a.Fixed, "{tool}", a.Tool, "{program}", a.Program()).Replace(s)
}

// Rules let a program do in the box what it likes, but with the secret and the
// fixed file in it.
func (a *Arena) Rules(refuse policy.Action) []policy.FileRule {
	return []policy.FileRule{
		{Pattern: a.Box, Grant: policy.Write}, {Pattern: a.Box + "/**", Grant: policy.Write},
		{Pattern: a.Fixed, Grant: policy.Read}, {Pattern: a.Inner, Do: refuse},
	}
}

// Leaks reports whether text has a piece of the secret.
func (a *Arena) Leaks(text string) bool {
	const piece = 6
	for i := 0; i+piece <= len(a.secret); i++ {
		if strings.Contains(text, a.secret[i:i+piece]) {
			return true
		}
	}
	return false
}

// describe lists all that the program must not change: everything outside of
// the box, and the two files in it. The time of the last change of the inode
// tells of changed permissions, owners, links and attributes, too.
func (a *Arena) describe() (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(a.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != a.Inner && name != a.Fixed && strings.HasPrefix(name, a.Box+"/") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(name, &st); err != nil {
			return err
		}
		text := fmt.Sprintf("mode %o owner %d:%d", st.Mode, st.Uid, st.Gid)
		if name != a.Box { // where the program makes files
			text += fmt.Sprintf(" links %d changed %d.%09d", st.Nlink, st.Ctim.Sec, st.Ctim.Nsec)
		}
		if name == a.Secret || name == a.Inner || name == a.Fixed {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" content %q", b)
		}
		all[name] = text
		return nil
	})
	return all, err
}

// Check returns what a run has left in the arena that it must not have: a
// change, a piece of the secret in a file that the program could write, a
// process that still runs the arena's program.
func (a *Arena) Check() []string {
	var bad []string
	after, err := a.describe()
	if err != nil {
		bad = append(bad, fmt.Sprintf("what must not change: %v", err))
	} else if diff := cmp.Diff(a.before, after); diff != "" {
		bad = append(bad, "changed what it must not: "+diff)
	}
	if err := a.searchBox(&bad); err != nil {
		bad = append(bad, err.Error())
	}
	for _, p := range testkit.ProcessesOf(a.Dir) {
		bad = append(bad, "a process is left: "+p)
	}
	return bad
}

// searchBox looks for the secret in what the program left in the box: in the
// names and texts of files, and in symlinks.
func (a *Arena) searchBox(bad *[]string) error {
	return filepath.WalkDir(a.Box, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == a.Inner {
			return err
		}
		text := name
		switch {
		case d.Type().IsRegular():
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text += string(b)
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(name)
			if err != nil {
				return err
			}
			text += to
		}
		if a.Leaks(text) {
			*bad = append(*bad, fmt.Sprintf("%s has a piece of the secret", name))
		}
		return nil
	})
}
