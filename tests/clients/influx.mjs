// The official InfluxDB v2 client writes points. usage: influx.mjs URL MEASUREMENT [TOKEN]
import { InfluxDB, Point } from '@influxdata/influxdb-client';

const [url, measurement, token] = process.argv.slice(2);
for (const [precision, unit] of [['ns', 1000000n], ['us', 1000n], ['ms', 1n], ['s', 0n]]) {
  const api = new InfluxDB({ url, token }).getWriteApi('org', 'bucket', precision, {
    maxRetries: 0, gzipThreshold: precision === 'us' ? 1 : 100000,
  });
  const now = BigInt(Date.now());
  const at = unit ? now * unit : now / 1000n;
  api.writePoint(new Point(measurement)
    .tag('unit', precision).tag('room', 'north, "east"=x')
    .floatField('celsius', 21.5).intField('count', -7).uintField('total', 12).booleanField('open', true)
    .timestamp(String(at)));
  await api.close();
}
console.log(JSON.stringify({ done: true }));
