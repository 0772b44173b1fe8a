// Reads the HTTP API with prometheus-query. usage: prom_query.mjs URL METRIC
import { PrometheusDriver } from 'prometheus-query';

const [url, metric] = process.argv.slice(2);
const prom = new PrometheusDriver({ endpoint: url, baseURL: '/api/v1' });
const now = Date.now();

const instant = await prom.instantQuery(metric);
console.log(JSON.stringify({
  type: instant.resultType, values: instant.result.map((s) => [s.metric.labels, s.value.value]),
}));
const range = await prom.rangeQuery(`sum(${metric})`, now - 10_000, now, 1);
console.log(JSON.stringify({ type: range.resultType, last: range.result[0].values.at(-1).value }));
const series = await prom.series(metric, now - 60_000, now + 1000);
console.log(JSON.stringify({ series: series.map((s) => [s.name, s.labels]) }));
console.log(JSON.stringify({ labels: await prom.labelValues('shop') }));
console.log(JSON.stringify({ targets: await prom.targets() }));
try {
  await prom.instantQuery('sum((');
} catch (e) {
  console.log(JSON.stringify({ error: e }));
}
