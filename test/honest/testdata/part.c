#include "part.h"
int part(int n) { return n + 41; }
