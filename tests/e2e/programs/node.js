// SPDX-License-Identifier: MIT
// node node.js serve ADDRESS PORT: an HTTP server in a cluster of two, which says who answered.
// node node.js fetch BASE: asks it with fetch(), 200 times, 20 at once, bodies and a stream.
'use strict';
const cluster = require('node:cluster');
const crypto = require('node:crypto');
const http = require('node:http');

function digest(chunks) {
  return crypto.createHash('sha256').update(Buffer.concat(chunks)).digest('hex');
}

function answer(request, response) {
  if (request.url === '/stream') {
    let left = 1000;
    const timer = setInterval(() => {
      for (let i = 0; i < 100 && left > 0; i++, left--) response.write('x'.repeat(1000));
      if (left === 0) { clearInterval(timer); response.end(); }
    }, 1);
    return;
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    response.setHeader('X-Worker', process.pid);
    response.end(JSON.stringify({ from: request.socket.remoteAddress, digest: digest(chunks) }));
  });
}

function serve(address, port) {
  if (cluster.isPrimary) {
    for (let i = 0; i < 2; i++) cluster.fork();
    process.on('SIGTERM', () => { for (const w of Object.values(cluster.workers)) w.kill(); process.exit(0); });
  } else {
    http.createServer(answer).listen(port, address);
  }
}

async function ask(base, n) {
  const body = crypto.randomBytes(n * 1000);
  const response = await fetch(base + '/', { method: 'POST', body });
  const said = await response.json();
  if (said.digest !== digest([body])) throw new Error(`request ${n}: wrong digest`);
  return { worker: response.headers.get('x-worker'), from: said.from };
}

async function fetchAll(base) {
  const seen = new Set(), from = new Set();
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(base, n)));
    for (const a of answers) { seen.add(a.worker); from.add(a.from); }
  }
  const stream = Buffer.from(await (await fetch(base + '/stream')).arrayBuffer());
  if (!stream.equals(Buffer.alloc(1000000, 'x'))) throw new Error('the stream is not what was sent');
  await fetch('http://' + new URL(base).hostname + ':3001/').then(
    () => { throw new Error('port 1 answered'); },
    (error) => { if (error.cause.code !== 'ECONNREFUSED') throw error; });
  console.log(`workers ${seen.size} from ${[...from]}`);
}

const [mode, where, port] = process.argv.slice(2);
if (mode === 'serve') serve(where, port);
else fetchAll(where).catch((error) => { console.error(error); process.exit(1); });
