// What every peer is started and ended with.
import { readFileSync } from 'node:fs';

export const HOST = '127.0.0.1';
export const PORT = Number(process.env.PORT);
export const typeDefs = readFileSync(new URL('schema.graphql', import.meta.url), 'utf8');

/** On SIGTERM does `close`, then leaves with code 0. */
export function endWith(close) {
  process.once('SIGTERM', async () => {
    await close();
    process.exit(0);
  });
}
