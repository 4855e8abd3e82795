// The connection to the API: HTTP for queries and mutations, one WebSocket for subscriptions.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-ws';
import { noticeSession, token } from './session.js';
import { createStore } from './store.js';

const HTTP_URL = '/graphql';
const WS_URL = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`;
const LOG_LENGTH = 50;

/** `{state, detail}` of the WebSocket, for the light in the top bar. */
export const live = createStore({ state: 'idle', detail: '' });
/** The last messages of the subscription, newest first. */
export const log = createStore([]);

const wsClient = createClient({
  url: WS_URL,
  connectionParams: () => (token.get() ? { authorization: `Bearer ${token.get()}` } : {}),
  keepAlive: 20_000,
  retryAttempts: 20,
  // 44xx is the server's "no" (a bad token, say); 4499 is our own `terminate` below.
  shouldRetry: ({ code }) => code === 4499 || !(code >= 4400 && code < 4500),
  on: {
    connecting: (isRetry) => live.set({ state: isRetry ? 'retrying' : 'connecting', detail: '' }),
    connected: () => live.set({ state: 'connected', detail: '' }),
    closed: ({ code, reason }) =>
      live.set(
        code === 1000
          ? { state: 'idle', detail: '' }
          : { state: 'closed', detail: reason ? `${code}: ${reason}` : `${code}` },
      ),
  },
});

// A WebSocket is bound to the token it was opened with. Terminating it makes the client open a
// new one, with the new token, and subscribe there again.
token.subscribe(() => wsClient.terminate());

function authorisedFetch(url, init) {
  const headers = new Headers(init.headers);
  // What is written in the Headers pane wins.
  if (token.get() && !headers.has('authorization')) {
    headers.set('authorization', `Bearer ${token.get()}`);
  }
  return fetch(url, { ...init, headers });
}

const fetcher = createGraphiQLFetcher({
  url: HTTP_URL,
  wsClient,
  fetch: authorisedFetch,
  enableIncrementalDelivery: false,
});

function record(answer) {
  const entry = { at: new Date(), answer, key: crypto.getRandomValues(new Uint32Array(1))[0] };
  log.set([entry, ...log.get()].slice(0, LOG_LENGTH));
}

/** Passes a subscription on and keeps its messages, since the response pane shows only the last. */
function recorded(stream) {
  const iterator = stream[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const step = await iterator.next();
      if (!step.done) record(step.value);
      return step;
    },
    // Not a generator: its `return` would wait for the next message.
    return: (value) => iterator.return?.(value) ?? Promise.resolve({ done: true, value }),
    throw: (error) => iterator.throw?.(error) ?? Promise.reject(error),
  };
}

/** The fetcher of GraphiQL. */
export async function apiFetcher(params, options) {
  const result = await fetcher(params, options);
  if (typeof result?.[Symbol.asyncIterator] === 'function') {
    log.set([]);
    return recorded(result);
  }
  noticeSession(result);
  return result;
}
