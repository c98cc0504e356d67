package belljar

import _ "embed"

//go:embed prepared_amd64.bin
var preparedFilters string
