// Publishes to, and follows, topics in memory.
import { EventEmitter } from 'node:events';

const topics = new EventEmitter();
topics.setMaxListeners(0);

/** Gives `value` to all that follow the topic. */
export const publish = (topic, value) => topics.emit(topic, value);

/**
 * What is published to a topic from now on, after a first value.
 *
 * Not an async generator: one that waits for its next value cannot be ended before it comes.
 */
export function follow(topic, first) {
  const values = [first];
  const askers = [];
  let done = false;
  const push = (value) => {
    const asker = askers.shift();
    if (asker) asker({ value, done: false });
    else values.push(value);
  };
  topics.on(topic, push);
  return {
    async next() {
      if (values.length > 0) return { value: values.shift(), done: false };
      if (done) return { value: undefined, done };
      return new Promise((resolve) => askers.push(resolve));
    },
    async return(value) {
      done = true;
      topics.off(topic, push);
      values.length = 0;
      for (const asker of askers.splice(0)) asker({ value: undefined, done });
      return { value, done };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
