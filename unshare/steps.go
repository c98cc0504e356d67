package unshare

import (
	"encoding/binary"
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// The steps of this file are single calls of the mount interface that Linux
// 5.2 brought: a mount is first an open file, then it is moved to its place.
// So nothing is looked up twice, and a mount can be made read-only before
// anybody sees it.

func call(name string, nr uintptr, args ...launch.Arg) launch.Step {
	return launch.Step{Name: name, Nr: nr, Args: args}
}

// into keeps the call's result, a descriptor.
func into(slot *launch.Slot, s launch.Step) launch.Step {
	s.Into = slot
	return s
}

// except lets the call fail in this way.
func except(s launch.Step, ok ...syscall.Errno) launch.Step {
	s.OK = ok
	return s
}

var atCwd = launch.Named(sys.AtFdcwd, "AT_FDCWD")

// fd is a descriptor that an earlier step opened.
type fd struct {
	slot *launch.Slot
	text string
}

func newFD(text string) fd { return fd{new(launch.Slot), text} }

// arg is AT_FDCWD for an fd without a slot.
func (f fd) arg() launch.Arg {
	if f.slot == nil {
		return atCwd
	}
	return launch.Result(f.slot, f.text)
}

// openTree opens a copy of what is mounted at and below name. A copy without
// the mounts below could show what they hide, so the kernel refuses it.
func openTree(to fd, dir launch.Arg, name string) launch.Step {
	return into(to.slot, call("open_tree", sys.SysOpenTree, dir, launch.String(name),
		launch.Named(sys.OpenTreeClone|sys.OpenTreeCloexec|sys.AtRecursive, "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE")))
}

// moveMount attaches a mount at a place opened before.
func moveMount(mount, place fd) launch.Step {
	return call("move_mount", sys.SysMoveMount, mount.arg(), launch.String(""), place.arg(), launch.String(""),
		launch.Named(sys.MoveMountFEmptyPath|sys.MoveMountTEmptyPath, "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"))
}

// openPlace opens what target leads to inside the new root, which is the
// working directory: no symlink leads out of it.
func openPlace(to fd, target string) launch.Step {
	how := binary.NativeEndian.AppendUint64(nil, sys.OPath|syscall.O_CLOEXEC)
	how = binary.NativeEndian.AppendUint64(how, 0)
	how = binary.NativeEndian.AppendUint64(how, sys.ResolveInRoot|sys.ResolveNoMagiclinks)
	return into(to.slot, call("openat2", sys.SysOpenat2, atCwd, launch.String(relative(target)),
		launch.Memory(how, "{O_PATH|O_CLOEXEC, RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}"), launch.Int(len(how))))
}

// relative turns a path of the new root into one that starts at the working
// directory.
func relative(target string) string {
	if target == "/" {
		return "."
	}
	return strings.TrimPrefix(target, "/")
}

// newFileSystem opens a new file system of the given type as a mount.
func newFileSystem(to fd, fstype string, attr attributes, options ...string) []launch.Step {
	fs := newFD(fstype)
	s := []launch.Step{into(fs.slot, call("fsopen", sys.SysFsopen, launch.String(fstype), launch.Named(sys.FsopenCloexec, "FSOPEN_CLOEXEC")))}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		s = append(s, call("fsconfig", sys.SysFsconfig, fs.arg(), launch.Named(sys.FsconfigSetString, "FSCONFIG_SET_STRING"),
			launch.String(key), launch.String(value), launch.Int(0)))
	}
	return append(s,
		call("fsconfig", sys.SysFsconfig, fs.arg(), launch.Named(sys.FsconfigCreate, "FSCONFIG_CMD_CREATE"), launch.Null(), launch.Null(), launch.Int(0)),
		into(to.slot, call("fsmount", sys.SysFsmount, fs.arg(), launch.Named(sys.FsmountCloexec, "FSMOUNT_CLOEXEC"), attr.arg())))
}

// attributes are MOUNT_ATTR_ bits.
type attributes uintptr

const (
	readOnly attributes = sys.MountAttrRdonly
	noSetuid attributes = sys.MountAttrNosuid
	noDevice attributes = sys.MountAttrNodev
	noExec   attributes = sys.MountAttrNoexec
)

// Each attribute with its spelling and the MS_ flag of mount(2) for it.
var attributeTable = []struct {
	attr attributes
	name string
	flag uintptr
}{
	{readOnly, "RDONLY", syscall.MS_RDONLY},
	{noSetuid, "NOSUID", syscall.MS_NOSUID},
	{noDevice, "NODEV", syscall.MS_NODEV},
	{noExec, "NOEXEC", syscall.MS_NOEXEC},
}

func (a attributes) arg() launch.Arg { return launch.Named(uintptr(a), a.String()) }

func (a attributes) String() string { return attributeNames()[a] }

// attributeNames has the spelling of every combination.
var attributeNames = sync.OnceValue(func() (all [16]string) {
	for a := range all {
		all[a] = attributes(a).spell()
	}
	return all
})

func (a attributes) spell() string {
	var names []string
	for _, t := range attributeTable {
		if a&t.attr != 0 {
			names = append(names, t.name)
		}
	}
	return "MOUNT_ATTR_" + strings.Join(names, "|")
}

func (a attributes) flags() uintptr {
	var flags uintptr
	for _, t := range attributeTable {
		if a&t.attr != 0 {
			flags |= t.flag
		}
	}
	return flags
}

// setAttributes adds attributes to a mount and, where asked, to those below.
func setAttributes(mount fd, attr attributes, recursive bool) launch.Step {
	at, text := uintptr(sys.AtEmptyPath), "AT_EMPTY_PATH"
	if recursive {
		at, text = at|sys.AtRecursive, text+"|AT_RECURSIVE"
	}
	return changeAttributes(mount.arg(), "", launch.Named(at, text), attr)
}

// setAttributesAt adds attributes to what is mounted at target in the new root,
// which is the working directory.
func setAttributesAt(target string, attr attributes) launch.Step {
	return changeAttributes(atCwd, relative(target), launch.Named(sys.AtSymlinkNofollow, "AT_SYMLINK_NOFOLLOW"), attr)
}

func changeAttributes(at launch.Arg, name string, flags launch.Arg, attr attributes) launch.Step {
	// struct mount_attr: set, clear, propagation, user namespace.
	b := binary.NativeEndian.AppendUint64(nil, uint64(attr))
	b = append(b, make([]byte, 24)...)
	return call("mount_setattr", sys.SysMountSetattr, at, launch.String(name), flags, launch.Memory(b, attr.String()), launch.Int(len(b)))
}

// remount is what setAttributes was before Linux 5.12, for one mount that is
// in its place, at or below an open one. It replaces the flags, so those to
// keep must be given. The name through /proc leads to the mount itself, past
// all symlinks; like every absolute path here it is the host's.
func remount(mount fd, below string, flags uintptr) []launch.Step {
	const number = "0" // any descriptor that the process does not need
	return []launch.Step{
		except(call("dup3", syscall.SYS_DUP3, mount.arg(), launch.Named(0, number), launch.Named(syscall.O_CLOEXEC, "O_CLOEXEC")), syscall.EINVAL),
		call("mount", syscall.SYS_MOUNT, launch.Null(), launch.String(path.Join("/proc/self/fd", number, below)), launch.Null(),
			launch.Named(syscall.MS_REMOUNT|syscall.MS_BIND|flags, fmt.Sprintf("MS_REMOUNT|MS_BIND|%#x", flags)), launch.Null()),
	}
}
