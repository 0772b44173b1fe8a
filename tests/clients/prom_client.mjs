// prom-client's own exposition, text or OpenMetrics, pushed. usage: prom_client.mjs URL PREFIX text|openmetrics|gateway
import prom from 'prom-client';

const [url, prefix, kind] = process.argv.slice(2);
const open = kind === 'openmetrics';
const register = new prom.Registry(open ? prom.Registry.OPENMETRICS_CONTENT_TYPE : prom.Registry.PROMETHEUS_CONTENT_TYPE);
const registers = [register];

const counter = new prom.Counter({ name: `${prefix}_requests_total`, help: 'Requests, "quoted" \\ and\nbroken', labelNames: ['path'], registers });
counter.inc({ path: '/a"b\\c\nd' }, 3);
counter.inc({ path: '/plain' }, 4.5);
new prom.Gauge({ name: `${prefix}_temperature`, help: 't', registers }).set(-3.25);
const histogram = new prom.Histogram({ name: `${prefix}_seconds`, help: 'h', buckets: [0.1, 0.5, 1], registers });
for (const v of [0.05, 0.2, 0.3, 0.7, 2]) histogram.observe(v);
const summary = new prom.Summary({ name: `${prefix}_bytes`, help: 's', percentiles: [0.5, 0.9], registers });
for (let i = 1; i <= 10; i += 1) summary.observe(i);
const odd = new prom.Gauge({ name: `${prefix}_odd`, help: 'o', labelNames: ['is'], registers });
odd.set({ is: 'nan' }, NaN);
odd.set({ is: 'inf' }, Infinity);
odd.set({ is: 'minus' }, -Infinity);

if (kind === 'gateway') {
  const gateway = new prom.Pushgateway(url, {}, register);
  const { resp } = await gateway.pushAdd({ jobName: 'nightly', groupings: { instance: 'i1' } });
  console.log(JSON.stringify({ status: resp.statusCode }));
} else {
  const answer = await fetch(`${url}/api/v1/import/prometheus`, {
    method: 'POST', headers: { 'Content-Type': register.contentType }, body: await register.metrics(),
  });
  console.log(JSON.stringify({ status: answer.status, text: await answer.text() }));
}
