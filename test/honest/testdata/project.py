import os, shutil, sqlite3, stat, subprocess, sys, tempfile, threading, unittest, zipfile, json, glob, pathlib, select, signal, socket


class Files(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(dir=".")

    def tearDown(self):
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def test_walk(self):
        for d in ("a/b/c", "a/d", "e"):
            os.makedirs(self.path(d))
            pathlib.Path(self.path(d), "f").write_text(d)
        found = sorted(os.path.relpath(os.path.join(r, f), self.dir) for r, _, fs in os.walk(self.dir) for f in fs)
        self.assertEqual(found, ["a/b/c/f", "a/d/f", "e/f"])
        self.assertEqual(len(glob.glob(self.path("**/f"), recursive=True)), 3)

    def test_modes(self):
        p = self.path("f")
        old = os.umask(0o077)
        fd = os.open(p, os.O_CREAT | os.O_WRONLY, 0o666)
        os.umask(old)
        self.assertEqual(stat.S_IMODE(os.fstat(fd).st_mode), 0o600)
        os.close(fd)
        os.chmod(p, 0o4640)
        os.utime(p, (1, 2))
        st = os.stat(p)
        self.assertEqual((stat.S_IMODE(st.st_mode), st.st_atime, st.st_mtime), (0o4640, 1, 2))

    def test_dirfd(self):
        d = os.open(self.dir, os.O_RDONLY)
        os.mkdir("x", dir_fd=d)
        os.symlink("x", "l", dir_fd=d)
        os.rename("x", "y", src_dir_fd=d, dst_dir_fd=d)
        self.assertEqual(sorted(os.listdir(d)), ["l", "y"])
        self.assertEqual(os.readlink("l", dir_fd=d), "x")
        with self.assertRaises(FileNotFoundError):
            os.stat("l", dir_fd=d)
        os.rmdir("y", dir_fd=d)
        os.close(d)

    def test_errors(self):
        for call, error in (
            (lambda: open(self.path("no")), FileNotFoundError),
            (lambda: open(self.dir, "w"), IsADirectoryError),
            (lambda: os.rmdir(self.path("no")), FileNotFoundError),
            (lambda: os.mkdir(self.dir), FileExistsError),
            (lambda: os.listdir("/etc/passwd"), NotADirectoryError),
            (lambda: open("/etc/passwd", "w"), PermissionError),
            (lambda: os.chown(self.dir, 0, 0), PermissionError),
        ):
            with self.assertRaises(error):
                call()

    def test_locks(self):
        import fcntl
        with open(self.path("l"), "w") as a, open(self.path("l")) as b:
            fcntl.flock(a, fcntl.LOCK_EX)
            with self.assertRaises(BlockingIOError):
                fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_database(self):
        db = sqlite3.connect(self.path("db"))
        db.execute("create table t(n)")
        with db:
            db.executemany("insert into t values(?)", [(i,) for i in range(100)])
        self.assertEqual(db.execute("select sum(n) from t").fetchone(), (4950,))
        db.close()

    def test_zip(self):
        with zipfile.ZipFile(self.path("z"), "w") as z:
            z.writestr("a/b", "text")
        with zipfile.ZipFile(self.path("z")) as z:
            z.extractall(self.dir)
        self.assertEqual(pathlib.Path(self.path("a/b")).read_text(), "text")


class Processes(unittest.TestCase):
    def test_pipe(self):
        out = subprocess.run(["sh", "-c", "cat; echo err >&2; exit 3"], input=b"text", capture_output=True)
        self.assertEqual((out.stdout, out.stderr, out.returncode), (b"text", b"err\n", 3))

    def test_missing(self):
        with self.assertRaises(FileNotFoundError):
            subprocess.run(["./no-such-program"])

    def test_signal(self):
        p = subprocess.Popen(["sleep", "60"])
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(), -signal.SIGTERM)

    def test_threads(self):
        results = []
        def work(n):
            with open("/etc/passwd") as f:
                results.append((n, len(f.read()) > 0))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertEqual(sorted(results), [(n, True) for n in range(16)])

    def test_fork(self):
        r, w = os.pipe()
        if os.fork() == 0:
            os.write(w, json.dumps(os.getcwd() != "").encode())
            os._exit(0)
        os.close(w)
        self.assertEqual(os.read(r, 100), b"true")
        self.assertEqual(os.wait()[1], 0)

    def test_alarm(self):
        hits = []
        signal.signal(signal.SIGALRM, lambda *a: hits.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for _ in range(300):
            os.stat("/etc/passwd")
            with open("/etc/passwd"):
                pass
        signal.setitimer(signal.ITIMER_REAL, 0)

    def test_socketpair(self):
        a, b = socket.socketpair()
        a.send(b"x")
        self.assertEqual(select.select([b], [], [], 5)[0], [b])
        self.assertEqual(b.recv(1), b"x")
        a.close(), b.close()


result = unittest.TextTestRunner(stream=open(os.devnull, "w")).run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
for kind in (result.failures, result.errors):
    for case, text in kind:
        print(case, text)
print(result.testsRun, "tests", "ok" if result.wasSuccessful() else "failed")
