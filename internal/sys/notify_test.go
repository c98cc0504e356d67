package sys

import (
	"testing"
	"unsafe"
)

// TestNotificationLayout proves that the structs are those of seccomp(2) and
// of linux/seccomp.h.
func TestNotificationLayout(t *testing.T) {
	var n Notification
	var r Response
	var a addFD
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"seccomp_notif", unsafe.Sizeof(n), 80}, {"pid", unsafe.Offsetof(n.TID), 8}, {"data.nr", unsafe.Offsetof(n.Nr), 16},
		{"data.arch", unsafe.Offsetof(n.Arch), 20}, {"data.args", unsafe.Offsetof(n.Args), 32},
		{"seccomp_notif_resp", unsafe.Sizeof(r), 24}, {"val", unsafe.Offsetof(r.Value), 8}, {"error", unsafe.Offsetof(r.Error), 16},
		{"flags", unsafe.Offsetof(r.Flags), 20},
		{"seccomp_notif_addfd", unsafe.Sizeof(a), 24}, {"srcfd", unsafe.Offsetof(a.Source), 12}, {"newfd_flags", unsafe.Offsetof(a.NewFlags), 20},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, tt.got, tt.want)
		}
	}
	if err := CheckNotification(); err != nil {
		t.Error(err)
	}
}
