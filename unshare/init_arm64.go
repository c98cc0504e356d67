package unshare

import _ "embed"

//go:embed pid1/init_arm64.bin
var initImage []byte
