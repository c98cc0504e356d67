set -eu
printf 'b\na\nc\n' | sort | tr a-z A-Z >out
wc -l <out
cp out copy; mv copy moved; ln -s moved link; readlink link; cat link
ln moved hard; rm moved; cat hard; test -e moved || echo gone; test -L link && echo dangling
(umask 027; : >masked); ls -l masked | cut -c1-10
mkdir -p d/e/f; touch d/e/f/g; chmod 751 d/e; find . | sort
x=$(cat <<'END'
here
END
)
echo "$x"; echo appended >>hard; head -n 2 hard; cat nothing 2>&1 || echo "status $?"
cd d/e; pwd -P | sed 's|.*/d|d|'; cd ../..; rm -r d; ls
trap 'echo trapped' USR1; kill -USR1 $$
sleep 0.1 & wait $!; echo "waited $?"
(exit 7) || echo "exit $?"
for i in 1 2 3; do echo $i; done | while read -r n; do echo "n$n"; done
exec 3<hard; read -r line <&3; echo "$line"; exec 3<&-
cat /dev/null; echo to-stderr >/dev/stderr; echo x | cat /dev/stdin
