// The DataLoaders of one request, for the servers that have none of their own.
import DataLoader from 'dataloader';
import { commentsOn, plantsOf, users } from './care-requests.mjs';

/** Loaders that remember for as long as one request lives. */
export function createLoaders() {
  const comments = new Map();
  return {
    users: new DataLoader(users),
    plants: new DataLoader(plantsOf),
    /** One for each length that a document asks for. */
    comments(first) {
      let loader = comments.get(first);
      if (!loader) {
        loader = new DataLoader((requests) => commentsOn(requests, first));
        comments.set(first, loader);
      }
      return loader;
    },
  };
}
