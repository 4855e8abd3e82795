// mercurius's own loaders, for `LOADERS=own`: see mercurius.mjs.
import { commentsOn, isParty, plantsOf, users } from './care-requests.mjs';

// A loader's cache would only remember what these documents ask for once, by a key that is the whole row.
const uncached = (loader) => ({ loader, opts: { cache: false } });

async function membersOf(ids) {
  const distinct = [...new Set(ids.filter(Boolean))];
  const found = distinct.length > 0 ? await users(distinct) : [];
  const byId = new Map(distinct.map((id, n) => [id, found[n]]));
  return ids.map((id) => byId.get(id) ?? null);
}

export const loaders = {
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
