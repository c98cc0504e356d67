package sys

import "golang.org/x/sys/unix"

// Release is the kernel's release as uname(2) tells it, such as "6.12.10-amd64".
func Release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil { // fails for bad addresses only
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
