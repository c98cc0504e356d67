package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// prepare builds all programs and makes all files. What is missing for a peer
// or for one program is noted; what all need is an error.
func (s *site) prepare(ctx context.Context) error {
	s.tools()
	for _, step := range []struct {
		name string
		run  func(context.Context)
	}{
		{"C programs", s.compile}, {"Go programs", s.build}, {"files", s.files}, {"source code", s.sources},
		{"Java", s.java}, {"a repository", s.repository}, {"bundles of containers", s.bundle},
	} {
		progress("preparing: %s", step.name)
		if step.run(ctx); s.fail != nil {
			return fmt.Errorf("preparing %s: %w", step.name, s.fail)
		}
	}
	return nil
}

func (s *site) compile(ctx context.Context) {
	sources, err := filepath.Glob("c/*.c")
	s.try(err)
	if len(sources) == 0 {
		s.try(fmt.Errorf("no c/*.c here; run make bench in the repository"))
	}
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".c")
		s.words[name] = []string{s.path("programs", name)}
		s.try(s.command(ctx, nil, "gcc", "-O2", "-static", "-pthread", "-o", s.path("programs", name), source))
	}
}

// build makes static binaries of Go. go-sandbox may not be to be had.
func (s *site) build(ctx context.Context) {
	env := []string{"CGO_ENABLED=0"}
	for _, b := range []struct{ name, dir, pkg string }{
		{"belljar", "..", "./cmd/belljar"}, {"library", ".", "./library"}, {"hello-go", ".", "./testdata/hello.go"}, {"gosandbox", ".", "./gosandbox"},
	} {
		err := s.command(ctx, env, "go", "build", "-C", b.dir, "-trimpath", "-o", s.path("programs", b.name), b.pkg)
		if err != nil && b.name == "gosandbox" {
			s.absent[b.name] = err.Error()
			continue
		}
		s.words[b.name] = []string{s.path("programs", b.name)}
		s.try(err)
	}
}

// files are what loops open and find looks at.
func (s *site) files(ctx context.Context) {
	s.words["file"] = []string{"/etc/passwd"}
	s.write("own/file", "text", 0o644)
	s.write("secret", "text", 0o600)
	s.words["own"], s.words["secret"] = []string{s.path("own", "file")}, []string{s.path("secret")}
	for _, where := range []string{"deep", "own-deep"} {
		for _, n := range depths {
			name := fmt.Sprintf("%s-%d", where, n)
			s.words[name] = []string{s.deep(where, n)}
		}
	}
	s.tree("tree", 50, 1000)
	s.tree("small-tree", 20, 100)
	s.own("own", "own-deep", "out")
}

// deep makes a file whose path has n components, and as many as it needs if
// that are more.
func (s *site) deep(where string, n int) string {
	if n == 2 && where == "deep" {
		return "/etc/passwd"
	}
	dir := s.path(where)
	for strings.Count(dir, "/") < n-1 {
		dir = filepath.Join(dir, "d")
	}
	s.try(os.MkdirAll(dir, 0o755))
	file := filepath.Join(dir, "file")
	s.try(os.WriteFile(file, nil, 0o644))
	return file
}

func (s *site) tree(name string, dirs, files int) {
	for d := range dirs {
		dir := s.path(name, fmt.Sprintf("d%d", d))
		s.try(os.Mkdir(dir, 0o755))
		for f := range files {
			if s.fail != nil {
				return
			}
			s.try(os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%d.txt", f)), nil, 0o644))
		}
	}
}

func (s *site) write(name, text string, mode fs.FileMode) {
	s.try(os.WriteFile(s.path(name), []byte(text), mode))
}

// own gives directories to the user that programs run as, and opens them to all
// others: not every peer takes that user.
func (s *site) own(names ...string) {
	for _, name := range names {
		s.try(filepath.WalkDir(s.path(name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o777)
			}
			if err == nil && os.Geteuid() == 0 {
				err = os.Lchown(path, nobody, nobody)
			}
			return err
		}))
	}
}

func (s *site) sources(ctx context.Context) {
	for _, name := range []string{"hello.c", "hello.cc", "hello.go"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		s.try(err)
		s.write("source/"+name, string(text), 0o644)
	}
	// What a build finds in the cache it finds there each time.
	build := append(s.words["nobody"], s.words["go"]...)
	s.try(s.command(ctx, s.env, append(build, "build", "-o", "/dev/null", s.path("source/hello.go"))...))
}

func (s *site) java(ctx context.Context) {
	if s.absent["java"] != "" {
		return
	}
	// A run-time environment alone cannot compile.
	if err := s.command(ctx, nil, "javac", "-d", s.path("classes"), "testdata/Threads.java"); err != nil {
		s.absent["java"] = err.Error()
		delete(s.words, "java")
	}
}

// repository has 500 files in one commit.
func (s *site) repository(ctx context.Context) {
	if s.absent["git"] != "" {
		return
	}
	s.tree("repository", 10, 50)
	git := []string{"git", "-C", s.path("repository"), "-c", "user.name=bench", "-c", "user.email=bench@example.org"}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-q", "-m", "files"}} {
		s.try(s.command(ctx, s.env, append(git, args...)...))
	}
	s.own("repository")
}
