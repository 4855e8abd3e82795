// A network between a client and the server, which a test can break.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { PATIENCE_SECONDS, until } from './server.mjs';

/** Passes connections on to `target`; the functions say what the network does from now on. */
export async function startProxy(target) {
  const { hostname, port } = new URL(target);
  const pairs = new Set();
  const silent = [];
  let state = 'whole';
  let refused = 0;

  const server = createServer((near) => {
    if (state === 'cut') {
      refused += 1;
      return near.resetAndDestroy();
    }
    if (state === 'frozen') return silent.push(near.on('error', () => {}));
    const far = connect(Number(port), hostname);
    const pair = { near, far };
    const drop = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    pairs.add(pair);
    near.on('data', (data) => state === 'frozen' || far.write(data));
    far.on('data', (data) => {
      if (state === 'whole') near.write(data);
      // The request was done, the answer is lost.
      if (state === 'deaf') drop();
    });
    for (const socket of [near, far]) socket.on('error', drop).on('close', () => state === 'frozen' || drop());
  });
  const drop = () => {
    for (const near of silent.splice(0)) near.destroy();
    for (const { near, far } of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** All connections break, and no other can be opened. */
    cut() {
      state = 'cut';
      refused = 0;
      drop();
    },
    /** Waits until somebody could not connect since the cut. */
    refuses: () => until(() => refused > 0 || null, PATIENCE_SECONDS, () => 'Nobody tries to come back'),
    /** Nothing passes any more, and nobody is told. */
    freeze: () => (state = 'frozen'),
    /** Requests pass, each answer is lost. */
    loseAnswers: () => (state = 'deaf'),
    restore() {
      if (state === 'frozen') drop();
      state = 'whole';
    },
    async stop() {
      state = 'cut';
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
