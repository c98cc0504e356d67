package belljar

import _ "embed"

//go:embed prepared_arm64.bin
var preparedFilters string
