package proc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnProcess(t *testing.T) {
	var fs FS
	pid := os.Getpid()
	status, err := fs.Status(pid)
	if err != nil {
		t.Fatal(err)
	}
	if status.Pid != pid || status.Tgid != pid || status.PPid != os.Getppid() || status.UID[1] != os.Geteuid() {
		t.Errorf("status = %+v", status)
	}
	if status.VmHWM < status.VmRSS || status.VmRSS == 0 {
		t.Errorf("VmHWM %d, VmRSS %d", status.VmHWM, status.VmRSS)
	}
	stat, err := fs.Stat(pid)
	if err != nil || stat.Pid != pid || stat.PPid != os.Getppid() || stat.Threads < 1 || stat.Start == 0 {
		t.Errorf("stat = %+v, %v", stat, err)
	}
	if statm, err := fs.Statm(pid); err != nil || statm.Size < statm.Resident {
		t.Errorf("statm = %+v, %v", statm, err)
	}
	maps, err := fs.Maps(pid)
	if err != nil || len(maps) == 0 {
		t.Fatalf("maps = %d, %v", len(maps), err)
	}
	exe, _ := os.Executable()
	if maps[0].Path != exe {
		t.Errorf("first mapping is %q, want %q", maps[0].Path, exe)
	}
	if mounts, err := fs.Mounts(pid); err != nil || len(mounts) == 0 {
		t.Errorf("mounts = %d, %v", len(mounts), err)
	}
}

func TestInjectedRoot(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "7"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "7", "statm"), []byte("3 2 1 0 0 0 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := FS(dir).Statm(7)
	if want := (Statm{3, 2, 1}); err != nil || got != want {
		t.Errorf("Statm = %v, %v, want %v", got, err, want)
	}
	if _, err := FS(dir).Statm(8); !os.IsNotExist(err) {
		t.Errorf("missing process: %v", err)
	}
}

func TestParseStatHostileName(t *testing.T) {
	text := "12 (a) R 1 (\n) S 11 12 12 0 -1 4194304 1 2 3 4 50 60 7 8 20 0 3 0 999 1000 10 18446744073709551615\n"
	got, err := ParseStat([]byte(text))
	want := Stat{Pid: 12, Comm: "a) R 1 (\n", State: 'S', PPid: 11, Utime: 50, Stime: 60, Threads: 3, Start: 999}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseStat: %v\n%s", err, diff)
	}
}

func TestParseStatusNamespaces(t *testing.T) {
	got, err := ParseStatus([]byte("Name:\tx\nState:\tt (tracing stop)\nTgid:\t10\nPid:\t11\nNStgid:\t10\t1\nNSpid:\t11\t2\nUmask:\t0027\n"))
	want := Status{State: 't', Tgid: 10, Pid: 11, NStgid: []int{10, 1}, NSpid: []int{11, 2}, Umask: 0o27}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseStatus: %v\n%s", err, diff)
	}
}

func TestParseMaps(t *testing.T) {
	text := "7f00-7f10 r-xp 00001000 fe:01 42                         /a b\\012c\\011\n" +
		"ffff-10000 rw-p 00000000 00:00 0 \n"
	got, err := ParseMaps([]byte(text))
	want := []Mapping{
		{Start: 0x7f00, End: 0x7f10, Perms: "r-xp", Offset: 0x1000, Dev: 0xfe<<32 | 1, Inode: 42, Path: "/a b\nc\\011"},
		{Start: 0xffff, End: 0x10000, Perms: "rw-p"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseMaps: %v\n%s", err, diff)
	}
}

func TestParseMounts(t *testing.T) {
	text := "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3  rw,errors=continue\n" +
		"37 35 0:5 / /dev rw - devtmpfs udev rw\n"
	got, err := ParseMounts([]byte(text))
	want := []Mount{
		{ID: 36, Parent: 35, Dev: 98 << 32, Root: "/mnt1", Point: "/mnt 2", Options: "rw,noatime",
			Propagate: []string{"master:1", "shared:2"}, Type: "ext3", Super: "rw,errors=continue"},
		{ID: 37, Parent: 35, Dev: 5, Root: "/", Point: "/dev", Options: "rw", Type: "devtmpfs", Source: "udev", Super: "rw"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseMounts: %v\n%s", err, diff)
	}
}

func seed(f *testing.F, files ...string) {
	for _, name := range files {
		if text, err := os.ReadFile("/proc/self/" + name); err == nil {
			f.Add(text)
		}
	}
	f.Add([]byte(strings.Repeat("1 ", 30)))
}

func FuzzStatus(f *testing.F) {
	seed(f, "status")
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseStatus(text); err == nil && s.Pid == 0 {
			t.Error("a status without a Pid was accepted")
		}
	})
}

func FuzzStat(f *testing.F) {
	seed(f, "stat", "statm")
	f.Fuzz(func(t *testing.T, text []byte) {
		ParseStatm(text)
		if s, err := ParseStat(text); err == nil && !strings.Contains(string(text), "("+s.Comm+")") {
			t.Errorf("name %q is not in the text", s.Comm)
		}
	})
}

func FuzzMaps(f *testing.F) {
	seed(f, "maps")
	f.Fuzz(func(t *testing.T, text []byte) {
		maps, err := ParseMaps(text)
		if err == nil && len(maps) > strings.Count(string(text), "\n")+1 {
			t.Error("more mappings than lines")
		}
	})
}

func FuzzMounts(f *testing.F) {
	seed(f, "mountinfo")
	f.Fuzz(func(t *testing.T, text []byte) {
		mounts, err := ParseMounts(text)
		if err == nil && len(mounts) > strings.Count(string(text), "\n")+1 {
			t.Error("more mounts than lines")
		}
	})
}
