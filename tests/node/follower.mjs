// What a follower has received.
import { until } from './server.mjs';

const PATIENCE_SECONDS = 30;

/** Starts a follower: `start` takes `onMessage` and `onEnd`, and gives what stops it. */
export function following(start) {
  const messages = [];
  const ends = [];
  const stop = start({ onMessage: (message) => messages.push(message), onEnd: (problem) => ends.push(problem) });
  const of = (type) => messages.filter(({ __typename }) => __typename === type);
  const follower = {
    messages,
    /** What `onEnd` was told, each time. */
    ends,
    stop,
    of,
    /** The ids of the events, as they came. */
    events: () => of('CareEventDelivered').map(({ event }) => event.id),
    /** The last position. */
    cursor: () => messages.reduce((last, { cursor, to }) => cursor ?? to ?? last, undefined),
    has: (what, condition) =>
      until(
        () => condition(follower) || null,
        PATIENCE_SECONDS,
        () => `It never has ${what}: ${JSON.stringify(messages.map(({ __typename }) => __typename))}, ended: ${ends}`,
      ),
    hasEvents: (count) => follower.has(`${count} events`, () => follower.events().length >= count),
    isCaughtUp: (times) => follower.has(`caught up ${times} times`, () => of('StreamCaughtUp').length >= times),
  };
  return follower;
}
