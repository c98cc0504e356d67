# Prints a line with the sum of its input, using modules with shared objects.
#
# run: policy=interpreter stdin="1\n2\n" verdict=ok stdout="hello, world 3\n"
import json
import math
import sys

print("hello, world", json.loads(str(math.trunc(sum(int(line) for line in sys.stdin)))))
