// Valid requests at random, with what their documents are in canonical form; and what a server answers.
import assert from 'node:assert/strict';
import { getOperationAST, parse, validate } from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';
import { canonical } from './canonical.mjs';

/** As much as any of them may take: a refusal by a limit is no answer. */
export const LIMITS = {
  LIMIT_DEPTH: '64', LIMIT_COST: '1000000', LIMIT_ROOT_FIELDS: '1000', LIMIT_ALIASES: '1000', LIMIT_DIRECTIVES: '1000',
  LIMIT_NODES: '10000', LIMIT_DOCUMENT_BYTES: '1000000', LIMIT_TOKENS: '100000',
};
/** Requests that are made at the same time. */
const AT_ONCE = 8;
/** How documents are made in which much is selected again, on the same objects and in many ways. */
export const MERGED = { damaged: 0, isPlain: true, fragments: 0.35, repeated: 0.35, directives: 0.15 };
/** An alias that no document at random has: under it, objects say of which type they are. */
export const TYPE_KEY = 'typeOfThis';

/**
 * Valid requests from a seed on, each with its `document`, and with two other requests: the `short` one is its canonical
 * form, the `typed` one asks for types besides.
 */
export function* requests(schema, documents, seed) {
  for (;; seed += 1) {
    const request = documents.make(seed);
    const document = parse(request.query);
    const operation = getOperationAST(document, request.operationName);
    if (!operation || validate(schema, document).length > 0) continue;
    const { errors, coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], request.variables);
    if (errors || isUndecided(operation, coerced)) continue;
    const other = (typeKey) => {
      const query = canonical(schema, document, operation, request.variables, typeKey);
      assert.deepEqual(validate(schema, parse(query)), [], query);
      return { ...request, query };
    };
    yield { ...request, seed, document, short: other(), typed: other(TYPE_KEY) };
  }
}

/**
 * Whether a condition may be null: by a variable that has a default and is given null. To graphql-js that is an error, and
 * CollectFields has it neither skipped nor included.
 */
function isUndecided(operation, coerced) {
  const names = (operation.variableDefinitions ?? []).filter(({ type }) => type.name?.value === 'Boolean');
  return names.some(({ variable }) => coerced[variable.name.value] === null);
}

/** What a server answers a member: as text, and what it says but for the locations of errors, whose order is anybody's. */
export async function ask({ url }, { token }, { query, variables, operationName }) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query, variables, operationName }),
  });
  const text = await response.text();
  const { data, errors = [] } = JSON.parse(text);
  const others = errors.map(({ locations, ...error }) => JSON.stringify(error)).sort();
  return { text, data, errors: others, isLimited: errors.some(({ extensions }) => extensions.code === 'LIMIT_EXCEEDED') };
}

/** What `of` gives for each, a few at a time: a server that is busy refuses, and that is no answer. */
export async function each(all, of) {
  const results = [];
  let next = 0;
  const work = async () => {
    while (next < all.length) {
      const index = next;
      next += 1;
      results[index] = await of(all[index]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

/**
 * Where an answer differs from that to the canonical form, or from the `data` of graphql-js; nothing if it does not. Without
 * errors, they are the same to the byte.
 */
export function difference(answer, short, data = JSON.stringify(answer.data)) {
  const isComplete = answer.errors.length === 0 && short.errors.length === 0;
  const [ours, canonical] = [answer, short].map((one) => {
    return isComplete ? one.text : JSON.stringify({ data: one.data, errors: one.errors });
  });
  if (ours !== canonical) return { answer: ours, ofCanonical: canonical };
  return JSON.stringify(answer.data) === data ? undefined : { answer: ours, ofGraphqlJs: data };
}

/** What is told of a request. */
export const shown = ({ seed, query, variables, short }) => ({ seed, query, variables, canonical: short.query });
