// Where GraphiQL keeps its state. Variables may hold a password and headers a token, so all but
// the colour theme goes to sessionStorage and ends with the browser tab.
const PREFIX = 'graphiql:';
const areaOf = (key) => (key === `${PREFIX}theme` ? localStorage : sessionStorage);
const ownKeys = () => Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));

export const storage = {
  getItem: (key) => areaOf(key).getItem(key),
  setItem: (key, value) => areaOf(key).setItem(key, value),
  removeItem: (key) => areaOf(key).removeItem(key),
  clear: () => ownKeys().forEach((key) => sessionStorage.removeItem(key)),
  get length() {
    return ownKeys().length;
  },
};

/** Forgets the tabs, so that the next load opens the examples. */
export function forgetTabs() {
  for (const name of ['tabState', 'query', 'variables', 'headers', 'operationName']) {
    sessionStorage.removeItem(PREFIX + name);
  }
}
