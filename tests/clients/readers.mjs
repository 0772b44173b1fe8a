// Many ws readers in one process, to be stopped as a whole. usage: readers.mjs URL COUNT MESSAGE
// Prints {"ready":n} when all have had a first message; then waits.
import WebSocket from 'ws';

const [url, count, message] = process.argv.slice(2);
let ready = 0;
for (let i = 0; i < Number(count); i += 1) {
  const socket = new WebSocket(url, ['streamgauge.v1'], { perMessageDeflate: false });
  socket.on('open', () => socket.send(message));
  let first = true;
  socket.on('message', (data) => {
    if (first && data.toString().includes('"full"')) {
      first = false;
      ready += 1;
      if (ready === Number(count)) process.stdout.write(`${JSON.stringify({ ready })}\n`);
    }
  });
  socket.on('error', () => {});
}
