// What the official InfluxDB client makes of a partly refused write. usage: influx_partial.mjs URL MEASUREMENT
import { InfluxDB } from '@influxdata/influxdb-client';

const [url, measurement] = process.argv.slice(2);
const api = new InfluxDB({ url }).getWriteApi('org', 'bucket', 'ms', {
  maxRetries: 0,
  writeFailed(error) {
    console.log(JSON.stringify({ status: error.statusCode, body: error.body ?? error.message }));
    return Promise.resolve();
  },
});
api.writeRecords([`${measurement} good=1`, `${measurement} bad=`, `${measurement} fine=3`]);
await api.close();
