// The demonstration's world: members who see a lot of it, and what there is to be asked for by name.
import { logIn } from './care.mjs';
import { client } from './server.mjs';

/** Everybody's in the demonstration (src/seed). */
const PASSWORD = 'water-me-weekly';
/** An owner of plants, and somebody who looks after them: what one of them sees in full the other sees in part. */
const MEMBERS = ['marguerite@plantcare.example', 'tomas@plantcare.example'];
const PAGE = 'edges { cursor node { __typename id } }';
const EVERYTHING = `{
  viewer { id plants(first: 5) { ${PAGE} } }
  mine: careRequests(first: 8) { ${PAGE} }
  kept: careRequests(as: CARETAKER, first: 8) { ${PAGE} }
  openCareRequests(first: 8) {
    edges {
      cursor
      node { id approxCell startsOn endsOn owner { id } plants { id } }
    }
  }
  details: careRequests(first: 4) { ...details }
  others: careRequests(as: CARETAKER, first: 4) { ...details }
  feed { events(first: 8) { edges { cursor node { event { id } } } } }
}
fragment details on CareRequestConnection {
  edges {
    node {
      owner { id } caretaker { id } plants { id }
      comments(first: 4) { ${PAGE} }
      offers(first: 4) { ${PAGE} }
      timeline(first: 12) { ${PAGE} }
    }
  }
}`;

/** Members of the demonstration at a server: the tokens of a session each, and what each sees. */
export async function members(url) {
  return Promise.all(MEMBERS.map(async (email) => {
    const { accessToken: token } = await logIn(url, { email, password: PASSWORD });
    return { token, seen: await client(url, token)(EVERYTHING) };
  }));
}

/** Values of arguments of the schema, by coordinate, such that most of them find something for somebody. */
export function valuesOf(members) {
  const all = (...paths) => paths.flatMap((path) => members.flatMap(({ seen }) => found(seen, path.split('.'))));
  const each = (path) => all(`details.edges.node.${path}`, `others.edges.node.${path}`);
  // Those that they are parties of twice: of others they see little.
  const own = all('mine.edges.node.id', 'kept.edges.node.id');
  const requests = [...own, ...own, ...all('openCareRequests.edges.node.id')];
  const plants = [...all('viewer.plants.edges.node.id', 'openCareRequests.edges.node.plants.id'), ...each('plants.id')];
  const events = [...all('feed.events.edges.node.event.id'), ...each('timeline.edges.node.id')];
  const talk = [...each('comments.edges.node.id'), ...each('offers.edges.node.id')];
  const users = [...all('viewer.id', 'openCareRequests.edges.node.owner.id'), ...each('owner.id'), ...each('caretaker.id')];
  const values = {
    'Query.careRequest(id:)': requests,
    'Query.plant(id:)': plants,
    // One is nothing's: an error.
    'Query.node(id:)': [...requests, ...plants, ...events, ...talk, ...users, 'nothing'],
    'Query.openCareRequests(from:)': all('openCareRequests.edges.node.startsOn'),
    'Query.openCareRequests(to:)': all('openCareRequests.edges.node.endsOn'),
    'NearInput.cell': all('openCareRequests.edges.node.approxCell'),
    'NearInput.radiusKm': [5, 50, 500],
  };
  const cursors = {
    'User.plants': all('viewer.plants.edges.cursor'),
    'Query.careRequests': all('mine.edges.cursor', 'kept.edges.cursor'),
    'Query.openCareRequests': all('openCareRequests.edges.cursor'),
    'CareRequest.comments': each('comments.edges.cursor'),
    'CareRequest.offers': each('offers.edges.cursor'),
    'CareRequest.timeline': each('timeline.edges.cursor'),
    'Feed.events': all('feed.events.edges.cursor'),
  };
  for (const [field, known] of Object.entries(cursors)) {
    // Short pages, as they nest; some from the end. Both at once are an error.
    const [size, place] = ['CareRequest.offers', 'User.plants'].includes(field) ? ['last', 'before'] : ['first', 'after'];
    for (const argument of ['first', 'after', 'last', 'before']) values[`${field}(${argument}:)`] = [];
    values[`${field}(${size}:)`] = [1, 2, 3, 4];
    values[`${field}(${place}:)`] = [...known, ...known.map(() => null)];
  }
  return values;
}

/** What an answer has at the end of a path, in whatever lists. */
function found(value, [key, ...path]) {
  if (Array.isArray(value)) return value.flatMap((one) => found(one, [key, ...path]));
  if (value === null || value === undefined) return [];
  return key === undefined ? [value] : found(value[key], path);
}
