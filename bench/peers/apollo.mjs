// Apollo Server in Express, which its documentation recommends for production.
import { createServer } from 'node:http';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { expressMiddleware } from '@as-integrations/express5';
import express from 'express';
import { pool } from './database.mjs';
import { createLoaders } from './loaders.mjs';
import { endWith, HOST, PORT, typeDefs } from './process.mjs';
import { related, resolvers } from './resolvers.mjs';

const app = express();
const http = createServer(app);
const server = new ApolloServer({
  typeDefs,
  resolvers: { ...resolvers, ...related },
  // Cache hints of a schema that gives none: looking for them wraps every field's resolver.
  plugins: [ApolloServerPluginCacheControlDisabled(), ApolloServerPluginDrainHttpServer({ httpServer: http })],
  stopOnTerminationSignals: false,
});
await server.start();

// An answer to a POST is not cached by anybody: no hash of it is needed.
app.disable('etag');
app.use(
  '/graphql',
  express.json(),
  expressMiddleware(server, {
    context: async ({ req }) => ({ viewer: req.headers['x-viewer'], loaders: createLoaders() }),
  }),
);

http.listen(PORT, HOST);
endWith(async () => {
  await server.stop();
  await pool.end();
});
