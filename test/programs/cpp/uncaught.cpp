// Throws an exception that nobody catches: abort.
//
// run: verdict=signaled signal=SIGABRT
#include <vector>

int main() { return std::vector<int>().at(1); }
