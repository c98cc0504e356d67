// Package honest runs what people use every day, compilers, interpreters and
// shells, with every call trapped and every path decided, and compares their
// output, their exit status and the files they leave with a run outside.
package honest
