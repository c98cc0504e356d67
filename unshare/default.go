package unshare

import (
	"fmt"
	"os"
	"path/filepath"
)

// system lists what programs need of the host and what says nothing about it.
// Patterns are of path/filepath; what does not exist is left out.
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
		Mount{Kind: Proc, Target: "/proc"},
		Mount{Kind: Dev, Target: "/dev"},
		Mount{Kind: Tmpfs, Target: "/dev/shm", Size: 16 << 20},
		Mount{Kind: Tmpfs, Target: "/tmp"},
		Mount{Kind: File, Target: "/etc/nsswitch.conf", Content: "passwd: files\ngroup: files\nhosts: files\n"},
		Mount{Kind: File, Target: "/etc/hosts", Content: "127.0.0.1 localhost\n::1 localhost\n"},
	).forUser(nobody, nobody)
	for _, pattern := range system {
		names, err := filepath.Glob(pattern)
		if err != nil {
			panic(err) // a pattern of the table above is malformed
		}
		for _, name := range names {
			r = r.With(asOnHost(name))
		}
	}
	return r
}

// asOnHost shows name as it is: a symlink of the top directory as a symlink,
// since /bin -> usr/bin must lead into the root, and everything else bound.
func asOnHost(name string) Mount {
	if filepath.Dir(name) == "/" {
		if to, err := os.Readlink(name); err == nil {
			return Mount{Kind: Symlink, Target: name, Source: to}
		}
	}
	return Mount{Kind: Bind, Target: name, Source: name}
}

const nobody = 65534

// forUser replaces the accounts that the root knows, unless it shows others.
// The host's are nobody's business.
func (r Root) forUser(uid, gid int) Root {
	passwd := "root:x:0:0:root:/:/usr/sbin/nologin\n"
	if uid != 0 {
		passwd += fmt.Sprintf("%s:x:%d:%d:%[1]s:/:/usr/sbin/nologin\n", accountName(uid, "user"), uid, gid)
	}
	group := "root:x:0:\n"
	if gid != 0 {
		group += fmt.Sprintf("%s:x:%d:\n", accountName(gid, "group"), gid)
	}
	for target, content := range map[string]string{"/etc/passwd": passwd, "/etc/group": group} {
		if m, _, ok := r.covering(target); !ok || m.Target == target && m.Kind == File {
			r = r.With(Mount{Kind: File, Target: target, Content: content})
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
