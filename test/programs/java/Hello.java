// Prints a line, from a thread pool, after some garbage.
//
// run: policy=interpreter wall=20s verdict=ok stdout="hello, world 10\n"
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Hello {
    public static void main(String[] args) throws Exception {
        var pool = Executors.newFixedThreadPool(4);
        int sum = 0;
        Future<?>[] all = new Future<?>[5];
        for (int i = 0; i < all.length; i++) {
            final int n = i;
            all[i] = pool.submit(() -> new byte[1 << 20].length >> 20 & n | n);
        }
        for (Future<?> f : all) sum += (Integer) f.get();
        pool.shutdown();
        System.out.println("hello, world " + sum);
    }
}
