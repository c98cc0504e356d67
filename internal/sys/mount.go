package sys

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// System calls of namespaces and mounts. The calls from open_tree to
// move_mount are Linux 5.2, openat2 is 5.6, mount_setattr is 5.12.
const (
	SysOpenTree      = unix.SYS_OPEN_TREE
	SysMoveMount     = unix.SYS_MOVE_MOUNT
	SysFsopen        = unix.SYS_FSOPEN
	SysFsconfig      = unix.SYS_FSCONFIG
	SysFsmount       = unix.SYS_FSMOUNT
	SysOpenat2       = unix.SYS_OPENAT2
	SysSetns         = unix.SYS_SETNS
	SysUmount2       = unix.SYS_UMOUNT2
	SysSethostname   = unix.SYS_SETHOSTNAME
	SysSetdomainname = unix.SYS_SETDOMAINNAME
)

// Arguments of those calls.
const (
	AtFdcwd             = uintptr(0xffffffffffffff9c) // -100
	AtRemovedir         = unix.AT_REMOVEDIR
	AtRecursive         = unix.AT_RECURSIVE
	AtSymlinkNofollow   = unix.AT_SYMLINK_NOFOLLOW
	OpenTreeClone       = unix.OPEN_TREE_CLONE
	OpenTreeCloexec     = unix.OPEN_TREE_CLOEXEC
	MoveMountFEmptyPath = unix.MOVE_MOUNT_F_EMPTY_PATH
	MoveMountTEmptyPath = unix.MOVE_MOUNT_T_EMPTY_PATH
	FsopenCloexec       = unix.FSOPEN_CLOEXEC
	FsconfigSetString   = unix.FSCONFIG_SET_STRING
	FsconfigCreate      = unix.FSCONFIG_CMD_CREATE
	FsmountCloexec      = unix.FSMOUNT_CLOEXEC
	MountAttrRdonly     = unix.MOUNT_ATTR_RDONLY
	MountAttrNosuid     = unix.MOUNT_ATTR_NOSUID
	MountAttrNodev      = unix.MOUNT_ATTR_NODEV
	MountAttrNoexec     = unix.MOUNT_ATTR_NOEXEC
	OPath               = unix.O_PATH
	ResolveInRoot       = unix.RESOLVE_IN_ROOT
	ResolveNoMagiclinks = unix.RESOLVE_NO_MAGICLINKS
	CloneNewcgroup      = unix.CLONE_NEWCGROUP
	PrSetName           = unix.PR_SET_NAME
	WAll                = unix.WALL
)

// Flags of a mount as statfs(2) reports them that a remount in a user
// namespace must not take away.
var stickyFlags = []struct{ statfs, mount uintptr }{
	{unix.ST_RDONLY, unix.MS_RDONLY},
	{unix.ST_NOSUID, unix.MS_NOSUID},
	{unix.ST_NODEV, unix.MS_NODEV},
	{unix.ST_NOEXEC, unix.MS_NOEXEC},
	{unix.ST_NOATIME, unix.MS_NOATIME},
	{unix.ST_NODIRATIME, unix.MS_NODIRATIME},
	{unix.ST_RELATIME, unix.MS_RELATIME},
}

// MountFlags returns the MS_ flags of the mount that path is on.
func MountFlags(path string) (uintptr, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	var flags uintptr
	for _, f := range stickyFlags {
		if uintptr(st.Flags)&f.statfs != 0 {
			flags |= f.mount
		}
	}
	return flags, nil
}

// HasMountSetattr says whether the kernel has mount_setattr. Its answer to a
// call that cannot succeed tells.
func HasMountSetattr() bool {
	_, _, errno := syscall.Syscall6(SysMountSetattr, ^uintptr(0), 0, 0, 0, 0, 0)
	return errno != syscall.ENOSYS
}

// SealedProgram returns a descriptor above 2 of a memory file with the bytes
// of an executable. Nobody can change it, and nobody without CAP_DAC_OVERRIDE
// can read it, so the kernel makes the process that executes it undumpable:
// not even a process of the same user can attach to it (would_dump in exec.c).
func SealedProgram(name string, image []byte) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 every memfd is executable
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	if fd <= 2 { // this process was started with a standard file closed
		low := fd
		fd, err = unix.FcntlInt(uintptr(low), unix.F_DUPFD_CLOEXEC, 3)
		unix.Close(low)
		if err != nil {
			return -1, os.NewSyscallError("fcntl", err)
		}
	}
	if err := seal(fd, image); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func seal(fd int, image []byte) error {
	if n, err := unix.Write(fd, image); err != nil || n != len(image) {
		return os.NewSyscallError("write", errors.Join(err))
	}
	if err := unix.Fchmod(fd, 0o111); err != nil {
		return os.NewSyscallError("fchmod", err)
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS,
		unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return os.NewSyscallError("fcntl(F_ADD_SEALS)", err)
}
