// Prints a line when a timer and a worker thread are done.
//
// run: policy=interpreter wall=20s verdict=ok stdout="hello, world\n"
const { Worker, isMainThread, parentPort } = require("worker_threads");
if (isMainThread) {
  const w = new Worker(__filename);
  w.on("message", (m) => setTimeout(() => console.log("hello, " + m), 1));
} else {
  parentPort.postMessage("world");
}
