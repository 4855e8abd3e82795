// PostGraphile 5 over the tables, served by Grafserv on Node's http server.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import pg from 'pg';
import { postgraphile } from 'postgraphile';
import { TYPES } from 'postgraphile/@dataplan/pg';
import { makePgService } from 'postgraphile/adaptors/pg';
import { connection, each, get, lambda } from 'postgraphile/grafast';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { extendSchema } from 'postgraphile/utils';
import { square } from './near.mjs';
import { HOST, PORT } from './process.mjs';

const connectionString = process.env.DATABASE_URL;

const client = new pg.Client({ connectionString });
await client.connect();
await client.query(readFileSync(new URL('postgraphile/functions.sql', import.meta.url), 'utf8'));
await client.end();

/** The square of `near`, with a second range of longitudes for where it lies over the antimeridian. */
function bounds(near) {
  const { latitudes: [south, north], longitudes: [[west, east], [west2, east2] = [1, 0]] } = square(near);
  return { south, north, west, east, west2, east2 };
}

// What is near a place, which conditions on columns cannot say; and plants without the rows that link them.
const fields = extendSchema((build) => {
  const { sql } = build;
  const { care_requests: careRequests } = build.pgResources;
  return {
    typeDefs: /* GraphQL */ `
      input NearInput {
        cell: String!
        radiusKm: Int!
      }
      extend type Query {
        openCareRequests(near: NearInput!): CareRequestConnection
      }
      extend type CareRequest {
        plants: [Plant!]
      }
    `,
    objects: {
      Query: {
        plans: {
          openCareRequests(_, { $near }) {
            const $requests = careRequests.find();
            const column = (name) => sql`${$requests.alias}.${sql.identifier(name)}`;
            const $bounds = lambda($near, bounds, true);
            const value = (name) => $requests.placeholder(get($bounds, name), TYPES.int);
            const within = (name, low, high) => sql`${column(name)} between ${value(low)} and ${value(high)}`;
            $requests.where(sql`${column('status')} = 'OPEN'`);
            $requests.where(within('latitude_e6', 'south', 'north'));
            $requests.where(
              sql`(${within('longitude_e6', 'west', 'east')} or ${within('longitude_e6', 'west2', 'east2')})`,
            );
            return connection($requests);
          },
        },
      },
      CareRequest: {
        plans: {
          plants($request) {
            const $links = $request.manyRelation('careRequestPlantsByTheirCareRequestId');
            $links.orderBy({ attribute: 'position', direction: 'ASC' });
            return each($links, ($link) => $link.singleRelation('plantsByMyPlantId'));
          },
        },
      },
    },
  };
});

const pgl = postgraphile({
  extends: [PostGraphileAmberPreset],
  plugins: [fields],
  pgServices: [
    makePgService({
      connectionString,
      schemas: ['public', 'bench_peer'],
      poolConfig: { max: Number(process.env.POOL ?? 20), idleTimeoutMillis: 0, options: '-c TimeZone=UTC' },
    }),
  ],
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false, websockets: false },
});

const server = createServer();
const serv = pgl.createServ(grafserv);
await serv.addTo(server);
server.listen(PORT, HOST);
