package unshare

import _ "embed"

//go:embed pid1/init_amd64.bin
var initImage []byte
