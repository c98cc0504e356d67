package main

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// kernelFile is a kernel in the cache.
type kernelFile struct{ file, version string }

// fetchKernel returns the newest kernel of a suite. The cloud flavour is the
// same kernel with fewer drivers, a third of the size.
func fetchKernel(ctx context.Context, cache, suite string, a arch, refresh bool) (kernelFile, error) {
	prefix := filepath.Join(cache, "kernel-"+suite+"-"+a.name+"-")
	old, err := filepath.Glob(prefix + "*")
	if err != nil {
		return kernelFile{}, err
	}
	if len(old) > 0 && !refresh {
		return kernelFile{file: old[0], version: strings.TrimPrefix(old[0], prefix)}, nil
	}
	apt, err := newApt(cache, suite, a.name)
	if err != nil {
		return kernelFile{}, err
	}
	if err := apt.update(ctx); err != nil {
		return kernelFile{}, err
	}
	name, err := kernelPackage(ctx, apt, "linux-image-cloud-"+a.name)
	if err != nil {
		return kernelFile{}, err
	}
	deb, err := apt.download(ctx, name)
	if err != nil {
		return kernelFile{}, err
	}
	version := strings.TrimPrefix(strings.TrimPrefix(name, "linux-image-"), "linux-binary-")
	k := kernelFile{file: prefix + version, version: version}
	if err := extractKernel(ctx, deb, k.file); err != nil {
		return kernelFile{}, err
	}
	for _, f := range old {
		if f != k.file {
			err = errors.Join(err, os.Remove(f))
		}
	}
	return k, errors.Join(err, apt.clean())
}

// kernelPackage follows the newest version's name: linux-image-cloud-amd64
// depends on linux-image-6.1.0-50-cloud-amd64, which since 7.x depends on a
// linux-binary package that has the kernel.
func kernelPackage(ctx context.Context, apt *apt, name string) (string, error) {
	for range 3 {
		names, err := apt.depends(ctx, name)
		if err != nil {
			return "", err
		}
		next := ""
		for _, n := range names {
			if strings.HasPrefix(n, "linux-image-") || strings.HasPrefix(n, "linux-binary-") {
				next = n
			}
		}
		if next == "" {
			return name, nil
		}
		name = next
	}
	return "", fmt.Errorf("%s depends on too long a chain of packages", name)
}

// extractKernel writes the kernel in a package to a file.
func extractKernel(ctx context.Context, deb, to string) error {
	found := false
	err := eachMember(ctx, deb, func(h *tar.Header, r io.Reader) error {
		if h.Typeflag != tar.TypeReg || !strings.HasPrefix(path.Base(h.Name), "vmlinuz") {
			return nil
		}
		found = true
		return writeFile(to, func(w io.Writer) error { _, err := io.Copy(w, r); return err })
	})
	if err == nil && !found {
		return fmt.Errorf("%s has no kernel", filepath.Base(deb))
	}
	return err
}

// eachMember calls f for each file of a Debian package.
func eachMember(ctx context.Context, deb string, f func(h *tar.Header, r io.Reader) error) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := tar.NewReader(bufio.NewReader(out))
	var h *tar.Header
	for err == nil {
		if h, err = r.Next(); err == nil {
			err = f(h, r)
		}
	}
	if err == io.EOF {
		_, err = io.Copy(io.Discard, out) // the padding, so that dpkg-deb can end
	} else {
		_ = cmd.Process.Kill()
	}
	return errors.Join(err, cmd.Wait())
}

// writeFile writes a file whole or not at all.
func writeFile(name string, write func(w io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".part-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// userland are the guest's programs: what the tests start, and the libraries
// of dynamic programs. A guest has no compilers, no Java and no Node.
var userland = []string{"bash", "busybox-static", "coreutils", "dash", "findutils", "grep", "hostname", "libc-bin", "libc6", "libgcc-s1", "libstdc++6",
	"mawk", "procps", "python3", "sed", "tzdata", "util-linux"}

// needless are directories of packages that no test looks into.
var needless = []string{"/share/doc/", "/share/man/", "/share/locale/", "/share/info/", "/share/lintian/", "/share/bug/", "/share/perl/",
	"/share/perl5/", "/share/bash-completion/", "/share/common-licenses/", "/gconv/", "/perl/", "/perl-base/", "/lib/dpkg/"}

// fetchUserland returns the guest's root without Belljar, as an initramfs. It
// is of the suite that runs here, since programs for it are compiled here.
func fetchUserland(ctx context.Context, cache string, a arch, refresh bool) (string, error) {
	suite, err := hostSuite()
	if err != nil {
		return "", err
	}
	what := sha256.Sum256(fmt.Append(nil, userland, needless))
	prefix := filepath.Join(cache, "userland-"+suite+"-"+a.name+"-")
	file := fmt.Sprintf("%s%x.cpio", prefix, what[:4])
	if _, err := os.Stat(file); err == nil && !refresh {
		return file, nil
	}
	old, err := filepath.Glob(prefix + "*")
	if err != nil {
		return "", err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return "", err
		}
	}
	apt, err := newApt(cache, suite, a.name)
	if err != nil {
		return "", err
	}
	if err := apt.update(ctx); err != nil {
		return "", err
	}
	debs, err := apt.downloadAll(ctx, userland)
	if err != nil {
		return "", err
	}
	err = writeFile(file, func(w io.Writer) error { return writeUserland(ctx, w, a, debs) })
	if err != nil {
		return "", err
	}
	return file, apt.clean()
}

// hostSuite is the code name of this Debian.
func hostSuite() (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.Trim(strings.TrimSpace(name), `"`), nil
		}
	}
	return "", errors.New("/etc/os-release names no suite: the guest's programs are those of a Debian release")
}
