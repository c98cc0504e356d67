package unshare

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
)

// TestInitIsWhatItsSourceSays assembles each init again. It skips an
// architecture only where there is no assembler for it.
func TestInitIsWhatItsSourceSays(t *testing.T) {
	for _, arch := range []struct{ name, as string }{{"amd64", "x86_64-linux-gnu-as"}, {"arm64", "aarch64-linux-gnu-as"}} {
		t.Run(arch.name, func(t *testing.T) {
			as := arch.as
			if runtime.GOARCH == arch.name {
				as = "as"
			}
			if _, err := exec.LookPath(as); err != nil {
				t.Skip(err)
			}
			out := filepath.Join(t.TempDir(), "init")
			if msg, err := exec.Command("sh", "pid1/mkinit.sh", arch.name, out).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, msg)
			}
			got, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile("pid1/init_" + arch.name + ".bin")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("pid1/init_%s.bin is not what its source assembles to; run go generate", arch.name)
			}
		})
	}
}

func TestSealedInit(t *testing.T) {
	file, err := sys.SealedProgram("test", initImage)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(file)
	if _, err := syscall.Pwrite(file, []byte("x"), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("write to the sealed program: %v, want EPERM", err)
	}
	if err := syscall.Ftruncate(file, 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("truncate the sealed program: %v, want EPERM", err)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(file, &st); err != nil || st.Mode&0o777 != 0o111 {
		t.Errorf("mode %o, %v; want 111, which makes its process undumpable", st.Mode, err)
	}
}

// TestInitCannotBeTraced runs as the same user as init, where that is so.
func TestInitCannotBeTraced(t *testing.T) {
	s := ownSpec()
	if os.Geteuid() == 0 {
		s.UID, s.GID = 0, 0
	}
	want := "Uid:\t" + "same\ncat: /proc/1/maps: Permission denied\n"
	got := shell(t, s, `[ "$(grep Uid /proc/1/status)" = "$(grep Uid /proc/self/status)" ] && printf 'Uid:\tsame\n'; cat /proc/1/maps 2>&1; kill -9 1; kill -STOP 1`)
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
