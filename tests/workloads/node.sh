# node: a JIT with threads of its own, zlib, crypto and workers.
cat > work.js << 'JS'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto'), zlib = require('zlib');
function work(seed) {
  let x = seed, map = new Map();
  for (let i = 0; i < 200000; i++) { x = (x * 1103515245 + 12345) % 2147483648; map.set('k' + (x % 5000), (map.get('k' + (x % 5000)) || 0) + x % 7); }
  const text = JSON.stringify([...map].sort());
  return crypto.createHash('sha256').update(zlib.inflateSync(zlib.deflateSync(text))).digest('hex');
}
if (isMainThread) {
  Promise.all([1, 2, 3].map(n => new Promise((done, failed) => new Worker(__filename, { workerData: n }).on('message', done).on('error', failed))))
    .then(all => console.log(work(9), all.join(' ')));
} else parentPort.postMessage(work(workerData));
JS
LD_PRELOAD=$PRELOAD node work.js
