// Reads compose files as Compose does: merges in a file, variables, and one file over another.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import YAML from 'yaml';

/** In place of a value: the one of the file before is gone. */
const RESET = Symbol('!reset');
const TAGS = [
  { tag: '!reset', collection: 'seq', resolve: () => RESET },
  { tag: '!reset', collection: 'map', resolve: () => RESET },
  { tag: '!reset', resolve: () => RESET },
];
/** Lists of which Compose takes both files', without repetition. */
const UNITED = new Set(['volumes', 'ports', 'networks', 'profiles', 'group_add', 'tmpfs', 'dns', 'cap_add', 'cap_drop']);

export function read(path) {
  const document = YAML.parseDocument(readFileSync(path, 'utf8'), { merge: true, uniqueKeys: true, customTags: TAGS });
  assert.deepEqual(document.errors, [], path);
  assert.deepEqual(document.warnings, [], path);
  return document.toJS();
}

/** What becomes of a text with `$NAME`s in the manner of Compose, where these variables are set. */
function filledText(text, variables) {
  let at = 0;
  const until = (ends) => {
    let found = '';
    while (at < text.length && !text.startsWith(ends, at)) {
      if (text.startsWith('$$', at)) {
        found += '$';
        at += 2;
      } else if (text.startsWith('${', at)) {
        at += 2;
        found += variable();
      } else {
        assert.notEqual(text[at], '$', `a lone $ in ${text}`);
        found += text[at++];
      }
    }
    return found;
  };
  const variable = () => {
    const [, name, operator] = /^(\w+)(:?[-?])?/.exec(text.slice(at)) ?? assert.fail(`no name in ${text}`);
    at += name.length + (operator?.length ?? 0);
    const rest = until('}');
    assert.equal(text[at++], '}', text);
    const value = variables[name];
    const isSet = operator?.startsWith(':') ? Boolean(value) : value !== undefined;
    if (isSet) return value;
    if (operator?.endsWith('?')) return `(${rest})`;
    return rest;
  };
  return until('\0');
}

/** A file with its variables filled in; by default none is set. */
export function filled(value, variables = {}) {
  if (typeof value === 'string') return filledText(value, variables);
  if (Array.isArray(value)) return value.map((one) => filled(one, variables));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner, variables)]));
}

/** The names of all variables of a file. */
export const variables = (text) => new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name));

const byName = (networks) =>
  Array.isArray(networks) ? Object.fromEntries(networks.map((name) => [name, null])) : networks;

const isMap = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** A file with another one over it. */
export function merged(base, over, key = '') {
  if (over === RESET) return undefined;
  if (over === undefined) return base;
  if (key === 'networks' && (Array.isArray(base) || (isMap(base) && Array.isArray(over))))
    return merged(byName(base), byName(over));
  if (Array.isArray(base) && Array.isArray(over)) return UNITED.has(key) ? [...new Set([...base, ...over])] : over;
  if (!isMap(over)) return over;
  const both = isMap(base) ? { ...base } : {};
  for (const [name, value] of Object.entries(over)) {
    const one = merged(both[name], value, name);
    if (one === undefined) delete both[name];
    else both[name] = one;
  }
  return both;
}
