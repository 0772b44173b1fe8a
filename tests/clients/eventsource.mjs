// The npm package eventsource: prints what comes, reconnects by itself. usage: eventsource.mjs URL [EVENT…]
import { EventSource } from 'eventsource';

const [url, ...names] = process.argv.slice(2);
const say = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
const source = new EventSource(url);
source.onopen = () => say({ open: true });
source.onerror = (e) => say({ error: e.code ?? 0, state: source.readyState });
source.onmessage = (e) => say({ event: 'message', id: e.lastEventId, data: JSON.parse(e.data) });
for (const name of names) {
  source.addEventListener(name, (e) => {
    if (e.data !== undefined) say({ event: name, id: e.lastEventId, data: JSON.parse(e.data) });
  });
}
process.stdin.on('end', () => process.exit(0)).resume();
