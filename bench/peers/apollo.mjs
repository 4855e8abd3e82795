// Apollo Server in Express, which its documentation recommends for production.
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { expressMiddleware } from '@as-integrations/express5';
import express from 'express';
import { createLoaders } from './loaders.mjs';
import { HOST, PORT, typeDefs } from './process.mjs';
import { related, resolvers } from './resolvers.mjs';

const server = new ApolloServer({
  typeDefs,
  resolvers: { ...resolvers, ...related },
  // Cache hints of a schema that gives none: looking for them wraps every field's resolver.
  plugins: [ApolloServerPluginCacheControlDisabled()],
});
await server.start();

const app = express();
// An answer to a POST is not cached by anybody: no hash of it is needed.
app.disable('etag');
app.use(
  '/graphql',
  express.json(),
  expressMiddleware(server, {
    context: async ({ req }) => ({ viewer: req.headers['x-viewer'], loaders: createLoaders() }),
  }),
);

app.listen(PORT, HOST);
