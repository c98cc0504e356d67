package ptrace

import (
	"debug/elf"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/proc"
)

// where says which code a stopped thread is in: the file and the offset in it,
// and the function if the file has symbols; "" where that cannot be found out.
// The file is the program's choice, so nothing depends on what it says.
func where(tid int) string {
	pc, ok := programCounter(tid)
	if !ok {
		return ""
	}
	maps, err := hostProc.Maps(tid)
	if err != nil {
		return ""
	}
	for i := range maps {
		m := &maps[i]
		if pc < m.Start || pc >= m.End {
			continue
		}
		if !strings.HasPrefix(m.Path, "/") {
			return fmt.Sprintf("%s+%#x", orAnonymous(m.Path), pc-m.Start)
		}
		offset := pc - m.Start + m.Offset
		text := fmt.Sprintf("%s+%#x", path.Base(m.Path), offset)
		if f := openMapped(tid, m); f != nil {
			defer f.Close()
			if name := symbolAt(f, offset); name != "" {
				text += " (" + name + ")"
			}
		}
		return text
	}
	return ""
}

func orAnonymous(name string) string {
	if name == "" {
		return "memory without a file"
	}
	return name
}

// programCounter is the last word of /proc/TID/syscall (proc(5)); the kernel
// tells it of a thread that does not run.
func programCounter(tid int) (uint64, bool) {
	text, err := os.ReadFile(hostProc.Path(tid, "syscall"))
	if err != nil {
		return 0, false
	}
	words := strings.Fields(string(text))
	if len(words) < 3 {
		return 0, false
	}
	pc, err := strconv.ParseUint(words[len(words)-1], 0, 64)
	return pc, err == nil
}

// maxSymbolFile bounds the file whose symbols are read.
const maxSymbolFile = 512 << 20

// openMapped opens the file behind a mapping, which only root can do without
// its name, or returns nil.
func openMapped(tid int, m *proc.Mapping) *os.File {
	for _, name := range []string{
		hostProc.Path(tid, fmt.Sprintf("map_files/%x-%x", m.Start, m.End)),
		hostProc.Path(tid, "root"+m.Path),
	} {
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
		if err != nil {
			continue
		}
		info, err := f.Stat()
		if err == nil && info.Mode().IsRegular() && info.Size() <= maxSymbolFile && info.Sys().(*syscall.Stat_t).Ino == m.Inode {
			return f
		}
		f.Close()
	}
	return nil
}

// symbolAt names the function that has the byte at an offset of an ELF file.
func symbolAt(f *os.File, offset uint64) string {
	file, err := elf.NewFile(f)
	if err != nil {
		return ""
	}
	defer file.Close()
	addr, ok := uint64(0), false
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && offset >= p.Off && offset-p.Off < p.Filesz {
			addr, ok = offset-p.Off+p.Vaddr, true
		}
	}
	if !ok {
		return ""
	}
	for _, read := range []func() ([]elf.Symbol, error){file.Symbols, file.DynamicSymbols} {
		symbols, err := read()
		if err != nil {
			continue
		}
		for _, s := range symbols {
			if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Value <= addr && addr-s.Value < s.Size {
				return fmt.Sprintf("%s+%#x", s.Name, addr-s.Value)
			}
		}
	}
	return ""
}
