package unshare

import (
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

//go:generate sh pid1/mkinit.sh amd64 pid1/init_amd64.bin
//go:generate sh pid1/mkinit.sh arm64 pid1/init_arm64.bin

// initFile is a descriptor of the init program, one for this process's life.
var initFile = sync.OnceValues(func() (int, error) { return sys.SealedProgram("belljar-init", initImage) })

// initSteps turns a process into init, which has nothing: no descriptor, no
// capability, no environment.
func initSteps() ([]launch.Step, error) {
	file, err := initFile()
	if err != nil {
		return nil, err
	}
	s := launch.DropBounding()
	return append(s, launch.DropCapabilities(), launch.NoNewPrivs(),
		call("dup3", syscall.SYS_DUP3, launch.Named(uintptr(file), "init"), launch.Int(0), launch.Named(syscall.O_CLOEXEC, "O_CLOEXEC")),
		launch.CloseFrom(1),
		call("execveat", sys.SysExecveat, launch.Int(0), launch.String(""), launch.Memory(make([]byte, 8), "{}"),
			launch.Memory(make([]byte, 8), "{}"), launch.Named(sys.AtEmptyPath, "AT_EMPTY_PATH"))), nil
}
