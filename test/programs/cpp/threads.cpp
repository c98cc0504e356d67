// Sums in std::threads.
//
// run: policy=compile verdict=ok stdout="4000000\n" peak_processes=2..5
#include <atomic>
#include <iostream>
#include <thread>
#include <vector>

int main() {
	std::atomic<long> sum{0};
	std::vector<std::thread> all;
	for (int i = 0; i < 4; i++)
		all.emplace_back([&sum] {
			for (int k = 0; k < 1000000; k++)
				sum++;
		});
	for (auto &t : all)
		t.join();
	std::cout << sum << "\n";
}
