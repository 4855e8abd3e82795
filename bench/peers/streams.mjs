// The messages of the two subscriptions, as resolvers get them. Topics: `care:<id of the request>` and `board`.

export const careTopic = (careRequestId) => `care:${careRequestId}`;
export const BOARD = 'board';

const CAUGHT_UP = { __typename: 'StreamCaughtUp', cursor: 'start' };

/** What a subscriber is sent first. */
export const caughtUp = (field) => ({ [field]: CAUGHT_UP });

/** What was published, for the subscribers of its topic; made once, whatever their number. */
export function message({ topic, event }) {
  if (topic === BOARD) return { openCareRequests: { __typename: 'BoardRequestChanged', ...event } };
  const { cursor, ...fields } = event;
  const delivered = { __typename: 'CareEventDelivered', cursor, event: { __typename: 'CareRecorded', ...fields } };
  return { careEvents: delivered };
}

/** The viewer that a websocket names in `connection_init`: whatever is behind `Bearer`. */
export const viewerOf = (authorization) => authorization?.replace(/^Bearer /, '');
