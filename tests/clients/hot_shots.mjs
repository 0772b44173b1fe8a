// hot-shots, a StatsD and DogStatsD client, over UDP. usage: hot_shots.mjs PORT PREFIX
import StatsD from 'hot-shots';

const [port, prefix] = process.argv.slice(2);
const client = new StatsD({ host: '127.0.0.1', port: Number(port), prefix, errorHandler: (e) => { throw e; } });
const alive = setInterval(() => {}, 1000); // the client's socket alone does not keep node running
const said = (f) => new Promise((resolve, reject) => f((e) => (e ? reject(e) : resolve())));

await said((cb) => client.increment('hits', 1, cb));
await said((cb) => client.increment('hits', 4, ['shop:berlin'], cb));
await said((cb) => client.decrement('hits', 2, ['shop:berlin'], cb));
await said((cb) => client.increment('sampled', 3, 1, cb));
await said((cb) => client.gauge('level', 10, cb));
await said((cb) => client.gaugeDelta('level', 5, cb));
await said((cb) => client.gaugeDelta('level', -7, cb));
for (const ms of [100, 200, 300, 400]) await said((cb) => client.timing('request', ms, ['route:/buy', 'verb:post'], cb));
for (const v of [1, 2, 3]) await said((cb) => client.histogram('size', v, cb));
for (const v of [5, 5, 5, 5]) await said((cb) => client.distribution('payload', v, cb));
for (const who of ['ann', 'bob', 'ann', 'cid', 'bob']) await said((cb) => client.set('visitors', who, cb));
await said((cb) => client.event('deployed', 'version 2', {}, [], cb));
await said((cb) => client.check('database', client.CHECKS.OK, {}, [], cb));
await said((cb) => client.close(cb));
clearInterval(alive);
