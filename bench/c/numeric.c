// Computes for about a third of a second and makes no system call meanwhile.
#include <stdio.h>

int main(void) {
	double x = 0.5, sum = 0;
	for (long i = 0; i < 100000000; i++) {
		x = 3.7 * x * (1 - x);
		sum += x;
	}
	printf("%.6f\n", sum);
	return 0;
}
