package unshare

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// system lists what programs need of the host and what says nothing about it.
// "*" is any part of a name; what does not exist is left out.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib*",
	// The dynamic loader, Debian's choice of programs, locale and time.
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld-musl-*.path",
	"/etc/alternatives", "/etc/localtime", "/etc/timezone", "/etc/locale.alias", "/etc/locale.conf",
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/ca-trust",
	// What languages read when they start.
	"/etc/java*", "/etc/python*", "/etc/perl", "/etc/mono", "/etc/nodejs", "/etc/php", "/etc/ruby*", "/etc/ghc*",
	"/etc/fonts",
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
	return r.With(hostSystem.onHost()...)
}

// listing remembers what a list of patterns matched, until one of the
// directories or of the copied files changes: reading them takes longer than all else in a plan.
type listing struct {
	sync.Mutex
	patterns []string
	changed  map[string]time.Time
	mounts   []Mount
}

var hostSystem = listing{patterns: system}

// onHost returns what of the patterns exists.
func (l *listing) onHost() []Mount {
	l.Lock()
	defer l.Unlock()
	if !l.current() {
		l.read()
	}
	return l.mounts
}

func (l *listing) current() bool {
	for dir, changed := range l.changed {
		if modified(dir) != changed {
			return false
		}
	}
	return l.changed != nil
}

// modified is the zero time for a file that is not there.
func modified(dir string) time.Time {
	st, err := os.Stat(dir)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// read finds the matches. A wildcard is only in the last part of a pattern.
func (l *listing) read() {
	l.changed, l.mounts = map[string]time.Time{}, nil
	listed := directories{}
	for _, pattern := range l.patterns {
		dir, last := path.Split(pattern)
		if _, ok := l.changed[dir]; !ok {
			l.changed[dir] = modified(dir)
		}
		for _, entry := range matching(listed.names(dir), last) {
			name := dir + entry
			m, changed := asOnHost(name)
			if l.mounts = append(l.mounts, m); m.Kind == File {
				l.changed[name] = changed
			}
		}
	}
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

// smallFile is the size up to which a file is copied into the root, which takes
// the kernel a fraction of the time of a mount.
const smallFile = 16 << 10

// asOnHost shows name as it is: a symlink of the top directory as a symlink,
// since /bin -> usr/bin must lead into the root, and everything else bound or
// copied. A copy is of what was there after the time that is returned.
func asOnHost(name string) (m Mount, changed time.Time) {
	if path.Dir(name) == "/" {
		if to, err := os.Readlink(name); err == nil {
			return Mount{Kind: Symlink, Target: name, Source: to}, changed
		}
	}
	if st, err := os.Stat(name); err == nil && st.Mode().IsRegular() && st.Size() <= smallFile && st.Mode()&0o4 != 0 {
		if b, err := os.ReadFile(name); err == nil {
			return Mount{Kind: File, Target: name, Content: string(b)}, st.ModTime()
		}
	}
	return Mount{Kind: Bind, Target: name, Source: name}, changed
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
