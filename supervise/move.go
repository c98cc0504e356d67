package supervise

// renameExchange is RENAME_EXCHANGE of renameat2(2).
const renameExchange = 2

// mayMove reports whether a rename gives no file new rights. What is below a
// directory gets other paths with it, so a file that rules refuse could get one
// that they allow. A directory moves only if the program may write everything
// below it. The others answer EXDEV, for which mv(1) and its kin copy file by
// file: then each is decided.
func (e *Engine) mayMove(m *making) bool {
	exchange := m.trap.Name() == "renameat2" && m.trap.Flags(4)&renameExchange != 0
	for i := range m.request.n {
		o := &m.objects[i]
		if i > 0 && !exchange {
			break
		}
		// Without a last name the kernel refuses by itself.
		if o.name != "" && o.fd >= 0 && isDir(o.stat) && !e.rules.set.Uniform(o.path, write) {
			return false
		}
	}
	return true
}
