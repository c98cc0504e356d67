#include <stdio.h>
#include "part.h"
int main(int argc, char **argv) { printf("%d %d\n", part(argc), LEVEL); return part(0) - 41; }
