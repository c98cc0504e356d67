// Computes for two seconds or so and makes no system call meanwhile: so long that the
// start of a run, some milliseconds, is less than a hundredth of it.
#include <stdio.h>

int main(void) {
	double x = 0.5, sum = 0;
	for (long i = 0; i < 1300000000; i++) {
		x = 3.7 * x * (1 - x);
		sum += x;
	}
	printf("%.6f\n", sum);
	return 0;
}
