// Threads that compute, and meet.
public class Threads {
	public static void main(String[] args) throws InterruptedException {
		long[] sums = new long[4];
		Thread[] threads = new Thread[sums.length];
		for (int i = 0; i < threads.length; i++) {
			int me = i;
			threads[i] = new Thread(() -> {
				for (long n = 0; n < 20_000_000; n++)
					sums[me] += n ^ me;
			});
			threads[i].start();
		}
		long sum = 0;
		for (int i = 0; i < threads.length; i++) {
			threads[i].join();
			sum += sums[i];
		}
		System.out.println(sum);
	}
}
