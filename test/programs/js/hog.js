// Keeps buffers in Node, which reserves far more than it uses.
//
// run: policy=interpreter args="16" memory=256M wall=40s verdict=ok stdout="16\n"
// run: policy=interpreter args="100000" memory=256M wall=40s verdict=memory-limit limit=memory
const kept = [];
for (let i = Number(process.argv[2]); i > 0; i--)
  kept.push(Buffer.alloc(1 << 20, 1));
console.log(kept.length);
