#!/bin/sh
# Prints how often programs make each call, per 10,000 calls, for frequency.go:
# the mean of the shares in each program below, so that none counts for more
# than another. It needs strace 5.2 or later and the programs.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >sum.c <<'END'
#include <stdio.h>
int main(void) { double s = 0, v; while (scanf("%lf", &v) == 1) s += v; printf("%g\n", s); }
END
cat >count.cc <<'END'
#include <iostream>
#include <map>
int main() { std::map<int, int> m; int v; while (std::cin >> v) m[v % 1000]++; for (auto &p : m) std::cout << p.first << ' ' << p.second << '\n'; }
END
cat >Sum.java <<'END'
public class Sum { public static void main(String[] a) { var in = new java.util.Scanner(System.in); long s = 0; while (in.hasNextLong()) s += in.nextLong(); System.out.println(s); } }
END
cat >count.py <<'END'
import collections, json, sys
print(json.dumps(collections.Counter(int(line) % 1000 for line in sys.stdin)))
END
cat >serve.py <<'END'
import http.server, threading, urllib.request
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever).start()
for _ in range(200): urllib.request.urlopen("http://127.0.0.1:%d/sum.c" % server.server_port).read()
server.shutdown()
END
printf 'all: a b\na b: sum.c\n\tcc -O2 -o $@ sum.c\n' >Makefile
seq 200000 >numbers
mkdir tree
seq -f 'tree/%g' 1000 | xargs touch

count() {
  name=$1
  shift
  strace -f -qq -c -U calls,name -o "$name.calls" -- "$@" <numbers >/dev/null 2>&1
}

count sh sh -c 'for f in tree/*; do [ -f "$f" ] && : "$(cat "$f")"; done'
count cc cc -O2 -o sum sum.c
count c++ c++ -O2 -o count count.cc
count make make
count sum ./sum
count count ./count
count python /usr/bin/python3 count.py
count server /usr/bin/python3 serve.py
count javac javac Sum.java
count java java Sum
count node node -e 'process.stdin.on("data", d => process.stdout.write(d))'
count git-init git init -q repository
count git-add git -C repository --work-tree .. add .
count git-status git -C repository status
count find find /usr/share -name '*.txt'
count tar tar -czf t.tar.gz tree numbers
count sort sort -n numbers

awk '$1 + 0 > 0 && $2 != "total" { calls[FILENAME, $2] = $1; sum[FILENAME] += $1; names[$2] }
  END { for (f in sum) programs++
    for (n in names) { s = 0; for (f in sum) s += calls[f, n] / sum[f]
      share = int(10000 * s / programs + 0.5)
      if (share > 0) printf "%d %s\n", share, n } }' ./*.calls | sort -k1,1rn -k2
