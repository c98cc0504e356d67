const fs = require('fs'), path = require('path'), cp = require('child_process');
fs.mkdirSync('a/b', {recursive: true});
fs.writeFileSync('a/b/c', 'text', {mode: 0o640});
fs.symlinkSync('b/c', 'a/link');
console.log(fs.readFileSync('a/link', 'utf8'), fs.readlinkSync('a/link'), (fs.statSync('a/b/c').mode & 0o777).toString(8));
fs.renameSync('a/b/c', 'a/d'); fs.copyFileSync('a/d', 'a/e'); fs.truncateSync('a/e', 2);
console.log(fs.readdirSync('a').join(), fs.readFileSync('a/e', 'utf8'), fs.existsSync('a/link'), fs.realpathSync('a/b').endsWith('a/b'));
for (const f of [() => fs.readFileSync('no'), () => fs.rmdirSync('a'), () => fs.writeFileSync('/etc/passwd', ''), () => fs.openSync('a', 'w')])
  try { f(); console.log('no error'); } catch (e) { console.log(e.code, e.syscall); }
console.log(cp.execSync('cat', {input: 'through a pipe'}).toString());
console.log(fs.readFileSync('/dev/stdin', 'utf8'));
Promise.all([...Array(40).keys()].map(i => fs.promises.writeFile('f' + i, 'x'.repeat(i)).then(() => fs.promises.stat('f' + i))))
  .then(all => console.log(all.reduce((s, st) => s + st.size, 0)));
