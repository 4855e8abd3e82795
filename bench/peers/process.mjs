// What every peer is started with. SIGTERM ends each at once: there is nothing to save.
import { readFileSync } from 'node:fs';

export const HOST = '127.0.0.1';
export const PORT = Number(process.env.PORT);
export const typeDefs = readFileSync(new URL('schema.graphql', import.meta.url), 'utf8');
