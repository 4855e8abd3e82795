// graphql-ws on ws, with graphql-js's own execution: subscriptions alone.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { graphql } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { follow, publish } from './follow.mjs';
import { HOST, PORT, typeDefs } from './process.mjs';
import { resolvers } from './resolvers.mjs';
import { BOARD, careTopic, caughtUp, message, viewerOf } from './streams.mjs';

const schema = makeExecutableSchema({
  typeDefs,
  resolvers: {
    CareRequest: resolvers.CareRequest,
    Subscription: {
      careEvents: {
        subscribe: (_, { careRequestId }) => follow(careTopic(careRequestId), caughtUp('careEvents')),
      },
      openCareRequests: {
        subscribe: () => follow(BOARD, caughtUp('openCareRequests')),
      },
    },
  },
});

const http = createServer(async (request, response) => {
  const body = JSON.parse(await text(request));
  if (request.url === '/publish') {
    publish(body.topic, message(body));
    response.writeHead(204).end();
    return;
  }
  const result = await graphql({ schema, source: body.query, variableValues: body.variables });
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
});
useServer(
  { schema, context: ({ connectionParams }) => ({ viewer: viewerOf(connectionParams?.authorization) }) },
  new WebSocketServer({ server: http, path: '/graphql' }),
);

http.listen(PORT, HOST);
