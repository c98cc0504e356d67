// Prints a line by iostream and throws an exception that it catches.
//
// build: dynamic static
// run: verdict=ok stdout="hello, world\ncaught\n"
#include <iostream>
#include <stdexcept>

int main() {
	std::cout << "hello, world" << std::endl;
	try {
		throw std::runtime_error("caught");
	} catch (const std::exception &e) {
		std::cout << e.what() << std::endl;
	}
}
