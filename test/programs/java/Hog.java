// Runs with a heap that may grow far beyond the limit on memory: keeps a
// little, or all that it can get. The limit is on what it uses, never on what it
// reserves. Without the option a VM that sees its cgroup makes its heap fit.
//
// run: policy=interpreter env="JAVA_TOOL_OPTIONS=-Xmx2g" args="16" memory=512M wall=40s verdict=ok stdout="16\n"
// run: policy=interpreter env="JAVA_TOOL_OPTIONS=-Xmx2g" args="100000" memory=512M wall=40s verdict=memory-limit limit=memory
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

public class Hog {
    public static void main(String[] args) {
        List<byte[]> kept = new ArrayList<>();
        for (int i = Integer.parseInt(args[0]); i > 0; i--) {
            byte[] block = new byte[1 << 20];
            Arrays.fill(block, (byte) 1);
            kept.add(block);
        }
        System.out.println(kept.size());
    }
}
