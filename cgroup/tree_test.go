package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// recorded is a host as /proc and /sys/fs/cgroup show it to process 77.
type recorded struct {
	cgroup    string            // /proc/self/cgroup
	mountinfo string            // /proc/self/mountinfo
	files     map[string]string // a name that ends in / is a directory
	readOnly  []string          // prefixes of what this process may not write to
}

// make writes the host to a directory and looks at it.
func (r recorded) find(t *testing.T) *Tree {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("proc/77/cgroup", r.cgroup)
	put("proc/77/mountinfo", r.mountinfo)
	put("proc/77/stat", "77 (belljar) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\n")
	for name, text := range r.files {
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		put(name, text)
	}
	if err := os.MkdirAll(filepath.Join(root, "proc/77/ns"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"proc/self": "77", "proc/77/ns/pid": "pid:[4026531836]"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := find(root, func(name string) bool {
		name = strings.TrimPrefix(name, root)
		return !slices.ContainsFunc(r.readOnly, func(p string) bool { return strings.HasPrefix(name, p) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

const v2mount = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

// cgroup2 returns the files of version 2 cgroups: each has the controllers that
// it was given and those that it gives, and processes.
func cgroup2(groups ...[4]string) map[string]string {
	files := map[string]string{}
	for i, g := range groups {
		dir := "sys/fs/cgroup" + g[0] + "/"
		files[dir+"cgroup.controllers"] = g[1] + "\n"
		files[dir+"cgroup.subtree_control"] = g[2] + "\n"
		files[dir+"cgroup.procs"] = strings.ReplaceAll(g[3], " ", "\n") + "\n"
		if i > 0 || g[0] != "" { // the root has no type
			files[dir+"cgroup.type"] = "domain\n"
		}
	}
	return files
}

func with(files map[string]string, more ...string) map[string]string {
	for _, name := range more {
		files[name] = ""
	}
	return files
}

const hybridMounts = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
`

const hybridCgroup = "9:name=systemd:/\n8:pids:/\n6:freezer:/\n4:memory:/jobs/e98d\n2:cpuacct:/\n1:cpu:/\n"

var hybridFiles = []string{"sys/fs/cgroup/memory/jobs/e98d/", "sys/fs/cgroup/pids/", "sys/fs/cgroup/cpuacct/", "sys/fs/cgroup/cpu/", "sys/fs/cgroup/freezer/"}

// place is what a test expects of one hierarchy.
type place struct {
	Version     int
	Controllers []string
	Dir         string
}

// trees are hosts as they were recorded, with names shortened.
var trees = []struct {
	name string
	host recorded
	want []place
	can  Can
	why  string // part of it
	fix  string // part of it
}{
	{
		name: "hybrid: version 1 controllers, a version 2 tree without any",
		host: recorded{
			cgroup:    hybridCgroup + "0::/\n",
			mountinfo: hybridMounts + "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
			files: with(map[string]string{
				"sys/fs/cgroup/unified/cgroup.controllers": "\n", "sys/fs/cgroup/unified/cgroup.subtree_control": "\n", "sys/fs/cgroup/unified/cgroup.procs": "1\n77\n",
			}, hybridFiles...),
		},
		want: []place{
			{2, nil, "/sys/fs/cgroup/unified/belljar"},
			{1, []string{"pids"}, "/sys/fs/cgroup/pids/belljar"},
			{1, []string{"freezer"}, "/sys/fs/cgroup/freezer/belljar"},
			{1, []string{"memory"}, "/sys/fs/cgroup/memory/jobs/e98d/belljar"},
			{1, []string{"cpuacct"}, "/sys/fs/cgroup/cpuacct/belljar"},
			{1, []string{"cpu"}, "/sys/fs/cgroup/cpu/belljar"},
		},
		can: Can{Limit: true, Tasks: true, Time: true, Kill: true, Memory: 1},
	},
	{
		name: "hybrid, as a user",
		host: recorded{
			cgroup: hybridCgroup, mountinfo: hybridMounts, readOnly: []string{"/sys"},
			files: with(map[string]string{}, hybridFiles...),
		},
		want: []place{{1, []string{"pids"}, ""}, {1, []string{"freezer"}, ""}, {1, []string{"memory"}, ""}, {1, []string{"cpuacct"}, ""}, {1, []string{"cpu"}, ""}},
		why:  "this user may not make groups in /sys/fs/cgroup/memory/jobs/e98d",
		fix:  "/sys/fs/cgroup/pids/belljar",
	},
	{
		name: "version 1 in Docker: the container's cgroup is the root of each mount",
		host: recorded{
			cgroup: "4:memory:/docker/c0ffee\n3:cpu,cpuacct:/docker/c0ffee\n2:pids:/docker/c0ffee\n",
			mountinfo: "1 0 0:1 /docker/c0ffee /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"2 0 0:2 /docker/c0ffee /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
				"3 0 0:3 /docker/c0ffee /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
			files: with(map[string]string{}, "sys/fs/cgroup/memory/", "sys/fs/cgroup/cpu,cpuacct/", "sys/fs/cgroup/pids/"),
		},
		want: []place{
			{1, []string{"memory"}, "/sys/fs/cgroup/memory/belljar"},
			{1, []string{"cpu", "cpuacct"}, "/sys/fs/cgroup/cpu,cpuacct/belljar"},
			{1, []string{"pids"}, "/sys/fs/cgroup/pids/belljar"},
		},
		can: Can{Limit: true, Tasks: true, Time: true, Memory: 1},
	},
	{
		name: "version 2, the real root, as in a virtual machine without an init system",
		host: recorded{cgroup: "0::/\n", mountinfo: v2mount, files: cgroup2([4]string{"", "cpuset cpu io memory pids", "", "1 77"})},
		want: []place{{2, []string{"cpuset", "cpu", "memory", "pids"}, "/sys/fs/cgroup/belljar"}},
		can:  Can{Limit: true, Tasks: true, Time: true, Kill: true, Memory: 2},
	},
	{
		name: "version 2, a scope that systemd has delegated",
		host: recorded{
			cgroup: "0::/user.slice/user@1000.service/app.slice/run-1.scope\n", mountinfo: v2mount,
			files: cgroup2([4]string{"", "cpu memory pids", "cpu memory pids", ""},
				[4]string{"/user.slice/user@1000.service", "cpu memory pids", "cpu memory pids", ""},
				[4]string{"/user.slice/user@1000.service/app.slice", "cpu memory pids", "memory pids", ""},
				[4]string{"/user.slice/user@1000.service/app.slice/run-1.scope", "memory pids", "", "77"}),
			readOnly: []string{"/sys/fs/cgroup/cgroup.", "/sys/fs/cgroup/user.slice/cgroup."},
		},
		want: []place{{2, []string{"memory", "pids"}, "/sys/fs/cgroup/user.slice/user@1000.service/app.slice/run-1.scope/belljar"}},
		can:  Can{Limit: true, Tasks: true, Time: true, Kill: true, Memory: 2},
	},
	{
		name: "version 2, a delegated scope with a shell in it: its slice gives controllers",
		host: recorded{
			cgroup: "0::/app.slice/run-1.scope\n", mountinfo: v2mount,
			files: cgroup2([4]string{"", "memory pids", "memory pids", ""}, [4]string{"/app.slice", "memory pids", "memory pids", ""},
				[4]string{"/app.slice/run-1.scope", "memory pids", "", "50 77"}),
		},
		want: []place{{2, []string{"memory", "pids"}, "/sys/fs/cgroup/app.slice/belljar"}},
		can:  Can{Limit: true, Tasks: true, Time: true, Kill: true, Memory: 2},
	},
	{
		name: "version 2, a login session of a user: nothing is delegated",
		host: recorded{
			cgroup: "0::/user.slice/session-3.scope\n", mountinfo: v2mount,
			files: with(cgroup2([4]string{"", "memory pids", "memory pids", ""}, [4]string{"/user.slice", "memory pids", "memory pids", ""},
				[4]string{"/user.slice/session-3.scope", "memory pids", "", "50 77"}), "run/systemd/system/"),
			readOnly: []string{"/sys"},
		},
		want: []place{{2, nil, ""}},
		why:  "this user may not make groups in /sys/fs/cgroup/user.slice/session-3.scope",
		fix:  "--scope -p Delegate=yes",
	},
	{
		name: "version 2, Docker's own cgroup namespace, mounted read-only",
		host: recorded{
			cgroup: "0::/\n", mountinfo: "9 1 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n",
			files:    cgroup2([4]string{"", "memory pids", "", "1 77"}, [4]string{"/unused", "", "", ""}),
			readOnly: []string{"/sys"},
		},
		want: []place{{2, nil, ""}},
		why:  "this user may not make groups in /sys/fs/cgroup",
		fix:  "mount -o remount,rw /sys/fs/cgroup",
	},
	{
		name: "version 2, an ordinary user without systemd",
		host: recorded{
			cgroup: "0::/\n", mountinfo: v2mount,
			files:    cgroup2([4]string{"", "memory pids", "", "1 77"}),
			readOnly: []string{"/sys"},
		},
		want: []place{{2, nil, ""}},
		why:  "this user may not make groups in /sys/fs/cgroup",
		fix:  fmt.Sprintf("mkdir /sys/fs/cgroup/user-%[1]d && chown -R %[1]d ", os.Geteuid()),
	},
	{
		name: "version 2, a privileged container whose shell is in the same cgroup",
		host: recorded{
			cgroup: "0::/\n", mountinfo: v2mount,
			files: with(cgroup2([4]string{"", "memory pids", "", "1 77"}), "sys/fs/cgroup/cgroup.type"), // the root of a namespace has a type
		},
		want: []place{{2, nil, "/sys/fs/cgroup/belljar"}},
		can:  Can{Time: true, Kill: true},
		why:  "other processes are in /sys/fs/cgroup too",
		fix:  "echo +memory +pids +cpu +cpuset >/sys/fs/cgroup/cgroup.subtree_control",
	},
	{
		name: "version 2, this process has moved to its leaf before",
		host: recorded{
			cgroup: "0::/run-1.scope/belljar/self\n", mountinfo: v2mount,
			files: cgroup2([4]string{"", "memory pids", "memory pids", ""}, [4]string{"/run-1.scope", "memory pids", "memory pids", ""},
				[4]string{"/run-1.scope/belljar", "memory pids", "memory pids", ""}, [4]string{"/run-1.scope/belljar/self", "memory pids", "", "77"}),
		},
		want: []place{{2, []string{"memory", "pids"}, "/sys/fs/cgroup/run-1.scope/belljar"}},
		can:  Can{Limit: true, Tasks: true, Time: true, Kill: true, Memory: 2},
	},
	{
		name: "version 2, a process in a group that Belljar made stays below it",
		host: recorded{
			cgroup: "0::/belljar/4026531836-9-9-1\n", mountinfo: v2mount,
			files: cgroup2([4]string{"", "memory pids", "memory pids", ""}, [4]string{"/belljar", "memory pids", "memory pids", ""},
				[4]string{"/belljar/4026531836-9-9-1", "memory pids", "", "77"}),
		},
		want: []place{{2, []string{"memory", "pids"}, "/sys/fs/cgroup/belljar/4026531836-9-9-1/belljar"}},
		can:  Can{Limit: true, Tasks: true, Time: true, Kill: true, Memory: 2},
	},
	{
		name: "no cgroups mounted",
		host: recorded{cgroup: "0::/\n", mountinfo: "1 0 0:1 / / rw - ext4 /dev/vda rw\n"},
		want: []place{{2, nil, ""}},
		why:  "cgroup2 is not mounted",
	},
	{
		name: "a mount that shows another part of the tree",
		host: recorded{cgroup: "0::/a\n", mountinfo: "30 23 0:26 /b /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", files: cgroup2([4]string{"", "", "", ""})},
		want: []place{{2, nil, ""}},
		why:  "does not show the cgroup of this process",
	},
}

func TestFind(t *testing.T) {
	for _, tt := range trees {
		t.Run(tt.name, func(t *testing.T) {
			tree := tt.host.find(t)
			var got []place
			for _, h := range tree.Hierarchies {
				got = append(got, place{h.Version, h.Controllers, h.Dir})
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.can, tree.Can()); diff != "" {
				t.Error(diff)
			}
			why, fix := tree.Why()
			if !strings.Contains(why, tt.why) || !strings.Contains(fix, tt.fix) || (why == "") != (tt.why == "") {
				t.Errorf("why %q, fix %q; want %q, %q", why, fix, tt.why, tt.fix)
			}
		})
	}
}

// TestFindChangesNothing proves that looking has no effect on a host.
func TestFindChangesNothing(t *testing.T) {
	for _, tt := range trees {
		tree := tt.host.find(t)
		for _, h := range tree.Hierarchies {
			if h.Dir != "" && tree.exists(h.Dir) && !strings.HasSuffix(h.Own, "/belljar/self") {
				t.Errorf("%s: %s was made", tt.name, h.Dir)
			}
		}
	}
}

// prepareFake prepares a recorded tree; directories get the files that the
// kernel would make.
func prepareFake(t *testing.T, tree *Tree) {
	t.Helper()
	tree.mkdir = func(dir string) error {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		for _, name := range []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.controllers"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
				return err
			}
		}
		return nil
	}
	for _, h := range tree.Hierarchies {
		if err := tree.prepare(h); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLeaf proves that a process that is alone in its cgroup moves to a leaf
// before controllers are given, and nowhere else.
func TestLeaf(t *testing.T) {
	for _, tt := range trees {
		if tt.can.Memory != 2 {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			tree := tt.host.find(t)
			h := tree.v2()
			own, moves := h.Own, h.leaf
			before := tree.words(filepath.Join(h.Dir, leafName), "cgroup.procs")
			prepareFake(t, tree)
			after := tree.words(filepath.Join(h.Dir, leafName), "cgroup.procs")
			if moves == slices.Equal(before, after) {
				t.Errorf("leaf %v, processes in it: %v, before %v", moves, after, before)
			}
			if want := own == h.parent && tree.exists(filepath.Join(own, "cgroup.type")); moves != want {
				t.Errorf("moves to a leaf: %v, want %v", moves, want)
			}
			// The recorded file keeps only the last word that was written to it.
			if len(tree.words(h.Dir, "cgroup.subtree_control")) == 0 {
				t.Error("the groups get no controllers")
			}
		})
	}
}
