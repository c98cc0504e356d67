// Exits with the status it is told.
//
// run: args="0" verdict=ok
// run: args="1" verdict=nonzero-exit exit=1
// run: args="124" verdict=nonzero-exit exit=124
// run: args="137" verdict=nonzero-exit exit=137
// run: args="255" verdict=nonzero-exit exit=255
#include "victim.h"

int main(int argc, char **argv) { return argc > 1 ? atoi(argv[1]) : 0; }
