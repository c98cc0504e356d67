package main

import "strings"

// program is real work that is run natively, in every mode of Belljar, and by
// every peer.
type program struct {
	name, title string
	command     string // placeholders as in groups.go
	policy      string // a preset
	read, write []string
	deny        []string
	tool        string // the command that it needs
	length      int    // milliseconds of a sample; one run at least
}

// Rules beside a preset's are on files only, so that every mode of Belljar
// decides by file rules.
var programs = []program{
	{name: "noop", title: "a program that does nothing", command: "{noop}", policy: "judge", length: 150},
	{name: "numeric", title: "numeric C program", command: "{numeric}", policy: "judge", length: 1},
	{name: "python", title: "python3 -c pass", command: "/usr/bin/python3 -c pass", policy: "interpreter", tool: "/usr/bin/python3", length: 200},
	{name: "gcc", title: "gcc, a small file", command: "{gcc} -O1 {source}/hello.c -o {out}/hello-c", policy: "compile",
		read: []string{"{source}/**"}, write: []string{"{out}/**"}, tool: "gcc", length: 200},
	{name: "g++", title: "g++, a small file", command: "{g++} -O1 {source}/hello.cc -o {out}/hello-cc", policy: "compile",
		read: []string{"{source}/**"}, write: []string{"{out}/**"}, tool: "g++", length: 1},
	{name: "go", title: "go build of hello", command: "{go} build -o /dev/null {source}/hello.go", policy: "compile",
		read: []string{"{source}/**"}, write: []string{"{out}/**"}, tool: "go", length: 1},
	{name: "git", title: "git status", command: "{git} -C {repository} --no-optional-locks status", policy: "compile",
		read: []string{"{repository}/**", "{out}/**", "/etc/gitconfig"}, tool: "git", length: 150},
	// Its question makes find look at each file, not at its directory alone.
	{name: "find", title: "find over 50,000 files", command: "{find} {tree} -size +0", policy: "interpreter",
		read: []string{"{tree}/**"}, tool: "find", length: 1},
	{name: "java", title: "Java with several threads", command: "{java} -cp {classes} Threads", policy: "interpreter",
		read: []string{"{classes}/**"}, tool: "java", length: 1},
}

// rules are the flags of Belljar's command and of command library.
func (p program) rules() string {
	flags := []string{"--policy", p.policy}
	for _, pattern := range p.read {
		flags = append(flags, "--read", pattern)
	}
	for _, pattern := range p.write {
		flags = append(flags, "--write", pattern)
	}
	for _, pattern := range p.deny {
		flags = append(flags, "--deny", pattern)
	}
	return strings.Join(flags, " ")
}

// lists are the same as flags of command gosandbox, which allows directories.
func (p program) lists() string {
	flags := []string{"--read", "{programs}/", "--read", "{out}/"}
	for _, pattern := range p.read {
		flags = append(flags, "--read", strings.TrimSuffix(pattern, "**"))
	}
	for _, pattern := range p.write {
		flags = append(flags, "--write", strings.TrimSuffix(pattern, "**"))
	}
	return strings.Join(flags, " ")
}
