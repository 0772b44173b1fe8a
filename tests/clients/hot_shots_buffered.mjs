// hot-shots with a buffer: many lines per datagram. usage: hot_shots_buffered.mjs PORT PREFIX COUNT
import StatsD from 'hot-shots';

const [port, prefix, count] = process.argv.slice(2);
const client = new StatsD({
  host: '127.0.0.1', port: Number(port), prefix, maxBufferSize: 1400, bufferFlushInterval: 10,
  globalTags: { env: 'test', version: '1.2' }, errorHandler: (e) => { throw e; },
});
const alive = setInterval(() => {}, 1000); // the client's socket alone does not keep node running
for (let i = 0; i < Number(count); i += 1) {
  client.increment('packed', 1, [`shard:${i % 4}`]);
  if (i % 400 === 399) await new Promise((next) => { setTimeout(next, 20); }); // the socket's buffer is the kernel's
}
await new Promise((resolve, reject) => client.close((e) => (e ? reject(e) : resolve())));
clearInterval(alive);
