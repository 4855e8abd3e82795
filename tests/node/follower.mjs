// What a follower has received.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { PATIENCE_SECONDS, until } from './server.mjs';

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
    /** Waits until the condition holds; not longer if the follower ends without it. */
    async has(what, condition) {
      const complaint = () =>
        `It never has ${what}: ${messages.map(({ __typename }) => __typename)}; ends: ${inspect(ends)}`;
      await until(() => condition(follower) || ends.length > 0 || null, PATIENCE_SECONDS, complaint);
      assert.ok(condition(follower), complaint());
    },
    hasEvents: (count) => follower.has(`${count} events`, () => follower.events().length >= count),
    isCaughtUp: (times) => follower.has(`caught up ${times} times`, () => of('StreamCaughtUp').length >= times),
  };
  return follower;
}
