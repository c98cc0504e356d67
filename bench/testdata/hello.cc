#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>

int main(int argc, char **argv) {
	std::map<std::string, int> count;
	std::vector<std::string> words(argv, argv + argc);
	for (const auto &word : words)
		count[word]++;
	std::sort(words.begin(), words.end());
	for (const auto &word : words)
		std::cout << word << ' ' << count[word] << '\n';
}
