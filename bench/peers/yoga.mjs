// graphql-yoga on Node's http server, with Envelop's plugin for graphql-jit.
import { createServer } from 'node:http';
import { useGraphQlJit } from '@envelop/graphql-jit';
import { createSchema, createYoga } from 'graphql-yoga';
import { createLoaders } from './loaders.mjs';
import { HOST, PORT, typeDefs } from './process.mjs';
import { related, resolvers } from './resolvers.mjs';

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers: { ...resolvers, ...related } }),
  context: ({ request }) => ({ viewer: request.headers.get('x-viewer') ?? undefined, loaders: createLoaders() }),
  plugins: [useGraphQlJit()],
  graphiql: false,
  landingPage: false,
});

const server = createServer(yoga);
server.listen(PORT, HOST);
