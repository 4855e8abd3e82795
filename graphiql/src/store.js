import { useSyncExternalStore } from 'react';

/** A value outside React that components can follow. */
export function createStore(initial) {
  let value = initial;
  const listeners = new Set();
  const subscribe = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener(value);
    },
    subscribe,
    use: () => useSyncExternalStore(subscribe, () => value),
  };
}
