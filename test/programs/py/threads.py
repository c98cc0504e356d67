# Sums in threads.
#
# run: policy=interpreter verdict=ok stdout="6\n"
import threading

total = []
threads = [threading.Thread(target=total.append, args=(n,)) for n in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(sum(total))
