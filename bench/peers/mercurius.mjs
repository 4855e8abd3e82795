// mercurius on Fastify with its JIT; over websockets its own subscriptions.
//
// Related rows come by DataLoaders. mercurius has loaders of its own, but their key is the row written as JSON, even
// where their cache is off, and a feed then takes half as much processor time again: `LOADERS=own` shows it.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { createLoaders } from './loaders.mjs';
import { loaders } from './mercurius-loaders.mjs';
import { HOST, PORT, typeDefs } from './process.mjs';
import { related, resolvers } from './resolvers.mjs';
import { BOARD, careTopic, caughtUp, message, viewerOf } from './streams.mjs';

const ownLoaders = process.env.LOADERS === 'own';

/** Follows a topic, after a first message. */
async function follow(pubsub, topic, first) {
  const queue = await pubsub.subscribe(topic);
  queue.push(first);
  return queue;
}

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers: {
    ...resolvers,
    ...(ownLoaders ? {} : related),
    Subscription: {
      careEvents: {
        subscribe: (_, { careRequestId }, { pubsub }) =>
          follow(pubsub, careTopic(careRequestId), caughtUp('careEvents')),
      },
      openCareRequests: {
        subscribe: (_, __, { pubsub }) => follow(pubsub, BOARD, caughtUp('openCareRequests')),
      },
    },
  },
  loaders: ownLoaders ? loaders : {},
  jit: 1,
  context: (request) => ({ viewer: request.headers['x-viewer'], loaders: createLoaders() }),
  subscription: {
    onConnect: ({ payload }) => ({ viewer: viewerOf(payload?.authorization) }),
  },
});

app.post('/publish', (request, reply) => {
  app.graphql.pubsub.publish({ topic: request.body.topic, payload: message(request.body) });
  reply.code(204).send();
});

await app.listen({ host: HOST, port: PORT });
