// The npm package ws: sends the messages it is given, prints what comes. usage: ws.mjs URL PROTOCOL|- MESSAGE…
// Prints {"open":…}, {"message":…}, {"ping":true}, {"close":code,"reason":…}; each line on standard input is sent too.
import readline from 'node:readline';
import WebSocket from 'ws';

const [url, protocol, ...messages] = process.argv.slice(2);
const say = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
const socket = new WebSocket(url, protocol === '-' ? [] : [protocol], {
  perMessageDeflate: process.env.DEFLATE ? { threshold: 0 } : false,
  rejectUnauthorized: false,
  headers: process.env.TOKEN ? { Authorization: `Bearer ${process.env.TOKEN}` } : {},
});
socket.on('open', () => {
  say({ open: socket.protocol, extensions: socket.extensions });
  for (const m of messages) socket.send(m);
});
socket.on('message', (data) => say({ message: JSON.parse(data.toString()) }));
socket.on('ping', () => say({ ping: true }));
socket.on('error', (e) => say({ error: e.message }));
socket.on('unexpected-response', (_, r) => { say({ status: r.statusCode }); process.exit(0); });
socket.on('close', (code, reason) => { say({ close: code, reason: reason.toString() }); process.exit(0); });
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'close') socket.close(1000, 'done');
  else socket.send(line);
});
