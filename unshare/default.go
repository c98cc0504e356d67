package unshare

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// system lists what programs need of the host and what says nothing about it.
// Patterns are of package path; what does not exist is left out.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib*",
	// The dynamic loader, Debian's choice of programs, locale and time.
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld-musl-*.path",
	"/etc/alternatives", "/etc/localtime", "/etc/timezone", "/etc/locale.alias", "/etc/locale.conf",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs", "/etc/pki/ca-trust",
	// What languages read when they start.
	"/etc/java*", "/etc/python*", "/etc/perl", "/etc/mono", "/etc/nodejs", "/etc/php", "/etc/ruby*", "/etc/ghc*",
	"/etc/fonts", "/etc/mime.types", "/etc/protocols", "/etc/services",
}

// DefaultRoot shows, read-only, what programs need of this host, fresh and
// small /tmp and /dev/shm, and a /proc and /dev of its own. It shows no home
// directories, /root, /var, /run or /sys.
func DefaultRoot() Root {
	r := Root{}.With(
		Mount{Kind: File, Target: "/etc/passwd"},
		Mount{Kind: File, Target: "/etc/group"},
		Mount{Kind: Proc, Target: "/proc"},
		Mount{Kind: Dev, Target: "/dev"},
		Mount{Kind: Tmpfs, Target: "/dev/shm", Size: shmSize},
		Mount{Kind: Tmpfs, Target: "/tmp"},
		Mount{Kind: File, Target: "/etc/nsswitch.conf", Content: "passwd: files\ngroup: files\nhosts: files\n"},
		Mount{Kind: File, Target: "/etc/hosts", Content: "127.0.0.1 localhost\n::1 localhost\n"},
	).forUser(nobody, nobody)
	return r.With(onHost(system)...)
}

// onHost returns what of the patterns exists. A wildcard is only in the last
// part of a pattern; each directory is read once.
func onHost(patterns []string) (mounts []Mount) {
	listed := map[string][]os.DirEntry{}
	for _, pattern := range patterns {
		dir, last := path.Split(pattern)
		entries, ok := listed[dir]
		if !ok {
			// A directory that is not there has nothing to show.
			entries, _ = os.ReadDir(dir)
			listed[dir] = entries
		}
		for _, e := range entries {
			if ok, _ := path.Match(last, e.Name()); ok {
				mounts = append(mounts, asOnHost(dir+e.Name()))
			}
		}
	}
	return mounts
}

// DirRoot is a directory of the host as the root, with a /proc, /dev, /dev/shm
// and /tmp of the sandbox where it has directories for them.
func DirRoot(dir string, writable bool) Root {
	r := Root{Dir: dir, Writable: writable}
	for _, m := range []Mount{{Kind: Proc, Target: "/proc"}, {Kind: Dev, Target: "/dev"}, {Kind: Tmpfs, Target: "/dev/shm", Size: shmSize}, {Kind: Tmpfs, Target: "/tmp"}} {
		// /dev/shm is made in the new /dev.
		if st, err := os.Lstat(path.Join(dir, "/"+strings.Split(m.Target, "/")[1])); err == nil && st.IsDir() {
			r = r.With(m)
		}
	}
	return r
}

const shmSize = 16 << 20

// asOnHost shows name as it is: a symlink of the top directory as a symlink,
// since /bin -> usr/bin must lead into the root, and everything else bound.
func asOnHost(name string) Mount {
	if path.Dir(name) == "/" {
		if to, err := os.Readlink(name); err == nil {
			return Mount{Kind: Symlink, Target: name, Source: to}
		}
	}
	return Mount{Kind: Bind, Target: name, Source: name}
}

const nobody = 65534

// forUser gives the program's user a name in the files that DefaultRoot put
// there. The host's accounts are nobody's business.
func (r Root) forUser(uid, gid int) Root {
	passwd := "root:x:0:0:root:/:/usr/sbin/nologin\n"
	if uid != 0 {
		passwd += fmt.Sprintf("%s:x:%d:%d:%[1]s:/:/usr/sbin/nologin\n", accountName(uid, "user"), uid, gid)
	}
	group := "root:x:0:\n"
	if gid != 0 {
		group += fmt.Sprintf("%s:x:%d:\n", accountName(gid, "group"), gid)
	}
	r.Mounts = slices.Clone(r.Mounts)
	for i, m := range r.Mounts {
		switch {
		case m.Kind == File && m.Target == "/etc/passwd":
			r.Mounts[i].Content = passwd
		case m.Kind == File && m.Target == "/etc/group":
			r.Mounts[i].Content = group
		}
	}
	return r
}

func accountName(id int, other string) string {
	if id == nobody {
		return "nobody"
	}
	return other
}
