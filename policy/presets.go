package policy

import (
	"embed"
	"slices"
)

//go:embed presets/*.yaml
var presetFiles embed.FS

// presets are in the order of what they allow. What each makes is its YAML,
// parsed before.
var presets = []struct {
	name string
	make func() *Policy
}{
	{"strict", strictPreset},
	{"judge", judgePreset},
	{"compile", compilePreset},
	{"interpreter", interpreterPreset},
	{"observe", observePreset},
}

// Presets returns the names of all presets, the narrowest first.
func Presets() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// Preset returns a fresh copy of a preset.
func Preset(name string) (*Policy, bool) {
	for _, p := range presets {
		if p.name == name {
			return p.make(), true
		}
	}
	return nil, false
}

// PresetSource returns the commented YAML text of a preset.
func PresetSource(name string) ([]byte, bool) {
	if !slices.Contains(Presets(), name) {
		return nil, false
	}
	src, err := presetFiles.ReadFile("presets/" + name + ".yaml")
	return src, err == nil
}

func mustPreset(name string) *Policy {
	p, _ := Preset(name)
	return p
}

// Strict allows a started program to read, write, return from a signal and exit.
func Strict() *Policy { return mustPreset("strict") }

// Judge runs one contest program that reads stdin and writes stdout.
func Judge() *Policy { return mustPreset("judge") }

// Compile is Judge with processes, temporary files and tool chains.
func Compile() *Policy { return mustPreset("compile") }

// Interpreter is Judge with what Python, Java, Node and their libraries read.
func Interpreter() *Policy { return mustPreset("interpreter") }

// Observe allows all but the dangerous doors and decides every path.
func Observe() *Policy { return mustPreset("observe") }
