#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <thread>
#include <vector>
int main() {
  namespace fs = std::filesystem;
  fs::create_directories("cpp/a/b");
  std::ofstream("cpp/a/f") << "x1y22z333";
  std::string text;
  std::ifstream("cpp/a/f") >> text;
  std::cout << std::regex_replace(text, std::regex("[0-9]+"), "#") << ' ' << fs::file_size("cpp/a/f") << '\n';
  std::vector<int> sums(8);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++) threads.emplace_back([&, i] { for (int k = 0; k <= i; k++) sums[i] += k; });
  for (auto &t : threads) t.join();
  for (int s : sums) std::cout << s << ' ';
  std::error_code error;
  fs::rename("cpp/a", "cpp/c", error);
  std::cout << error.message() << ' ' << fs::remove_all("cpp") << '\n';
}
