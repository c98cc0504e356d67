import java.io.*;
import java.nio.file.*;
import java.nio.file.attribute.*;
import java.util.*;
import java.util.stream.*;

public class Files {
  public static void main(String[] args) throws Exception {
    Path dir = Paths.get("tree");
    java.nio.file.Files.createDirectories(dir.resolve("x/y"));
    java.nio.file.Files.writeString(dir.resolve("x/f"), "text");
    java.nio.file.Files.createSymbolicLink(dir.resolve("link"), Paths.get("x/f"));
    java.nio.file.Files.move(dir.resolve("x/f"), dir.resolve("x/y/g"));
    java.nio.file.Files.setPosixFilePermissions(dir.resolve("x/y/g"), PosixFilePermissions.fromString("rw-r-----"));
    try (Stream<Path> all = java.nio.file.Files.walk(dir)) { System.out.println(all.map(Path::toString).sorted().collect(Collectors.joining(" "))); }
    for (String name : List.of("tree/link", "tree", "no"))
      try { System.out.println(new BufferedReader(new FileReader(name)).readLine()); } catch (IOException e) { System.out.println(e.getMessage()); }
    Process p = new ProcessBuilder("sh", "-c", "cat; exit 4").start();
    p.getOutputStream().write("through a pipe\n".getBytes());
    p.getOutputStream().close();
    System.out.println(new String(p.getInputStream().readAllBytes()) + p.waitFor());
    List<Thread> threads = new ArrayList<>();
    long[] sum = new long[1];
    for (int i = 0; i < 20; i++) {
      int n = i;
      Thread t = new Thread(() -> {
        try {
          Path f = Paths.get("t" + n);
          java.nio.file.Files.writeString(f, "x".repeat(n));
          synchronized (sum) { sum[0] += java.nio.file.Files.size(f); }
        } catch (IOException e) { System.out.println(e); }
      });
      threads.add(t);
      t.start();
    }
    for (Thread t : threads) t.join();
    System.out.println(sum[0]);
  }
}
