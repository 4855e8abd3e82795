// The resolvers that mercurius, graphql-yoga and Apollo Server share. The viewer is `context.viewer`.
import { careRequest, careRequests, isParty, openCareRequests } from './care-requests.mjs';
import { addComment } from './comments.mjs';

const connection = (nodes) => ({ edges: nodes.map((node) => ({ node })) });

const NOT_FOUND = { code: 'NOT_FOUND', field: ['careRequestId'], message: 'There is no such care request.' };

/** What all of them answer by themselves. */
export const resolvers = {
  Query: {
    careRequest: (_, { id }, { viewer }) => careRequest(viewer, id),
    careRequests: async (_, { as, first }, { viewer }) => connection(await careRequests(viewer, as, first)),
    openCareRequests: async (_, { near, first }) => connection(await openCareRequests(near, first)),
  },
  Mutation: {
    async addComment(_, { input }, { viewer }) {
      const comment = await addComment(viewer, input.careRequestId, input.body);
      return comment ? { comment, userErrors: [] } : { comment: null, userErrors: [NOT_FOUND] };
    },
  },
  CareRequest: {
    instructions: (request, _, { viewer }) => (isParty(request, viewer) ? request.instructions : null),
  },
};

/** What belongs to many rows at once, for those that have no loaders of their own: by `context.loaders`. */
export const related = {
  CareRequest: {
    ...resolvers.CareRequest,
    caretaker: (request, _, { viewer, loaders }) =>
      request.caretakerId && isParty(request, viewer) ? loaders.users.load(request.caretakerId) : null,
    plants: (request, _, { loaders }) => loaders.plants.load(request.id),
    comments: async (request, { first }, { viewer, loaders }) =>
      connection(isParty(request, viewer) ? await loaders.comments(first).load(request.id) : []),
  },
  Comment: {
    author: (comment, _, { loaders }) => loaders.users.load(comment.authorId),
  },
};
