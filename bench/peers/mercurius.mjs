// mercurius on Fastify, its JIT on, related rows by its own loaders; over websockets its own subscriptions.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { commentsOn, isParty, plantsOf, users } from './care-requests.mjs';
import { pool } from './database.mjs';
import { endWith, HOST, PORT, typeDefs } from './process.mjs';
import { resolvers } from './resolvers.mjs';
import { BOARD, careTopic, caughtUp, message, viewerOf } from './streams.mjs';

// Without their cache, loaders neither serialise each row as a key nor get the same row twice in these documents.
const uncached = (loader) => ({ loader, opts: { cache: false } });

async function membersOf(ids) {
  const distinct = [...new Set(ids.filter(Boolean))];
  const found = distinct.length > 0 ? await users(distinct) : [];
  const byId = new Map(distinct.map((id, n) => [id, found[n]]));
  return ids.map((id) => byId.get(id) ?? null);
}

const loaders = {
  CareRequest: {
    caretaker: uncached((queries, { viewer }) =>
      membersOf(queries.map(({ obj }) => (isParty(obj, viewer) ? obj.caretakerId : null))),
    ),
    plants: uncached((queries) => plantsOf(queries.map(({ obj }) => obj.id))),
    comments: uncached(async (queries, { viewer }) => {
      const lists = new Map();
      const readable = queries.filter(({ obj }) => isParty(obj, viewer));
      for (const [first, group] of Map.groupBy(readable, ({ params }) => params.first)) {
        const found = await commentsOn(group.map(({ obj }) => obj.id), first);
        group.forEach((query, n) => lists.set(query, found[n]));
      }
      return queries.map((query) => ({ edges: (lists.get(query) ?? []).map((node) => ({ node })) }));
    }),
  },
  Comment: {
    author: uncached((queries) => membersOf(queries.map(({ obj }) => obj.authorId))),
  },
};

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
  loaders,
  jit: 1,
  context: (request) => ({ viewer: request.headers['x-viewer'] }),
  subscription: {
    onConnect: ({ payload }) => ({ viewer: viewerOf(payload?.authorization) }),
  },
});

app.post('/publish', (request, reply) => {
  app.graphql.pubsub.publish({ topic: request.body.topic, payload: message(request.body) });
  reply.code(204).send();
});

await app.listen({ host: HOST, port: PORT });
endWith(async () => {
  await app.close();
  await pool.end();
});
