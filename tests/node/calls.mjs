// How often resolvers were called: by a server, as it counts them itself, and by graphql-js.
import assert from 'node:assert/strict';
import { execute, isObjectType } from 'graphql';
import { TYPE_KEY } from './requests.mjs';

const SERIES = /^(\w+)\{(.*)\} (\d+)$/gm;
const COUNTERS = {
  /** What an answer shows, counted in its shape. */
  graphql_resolver_calls_total: 'counted',
  /** What ran, where resolvers are looked at one by one: only fields that do work (docs/observability.md). */
  graphql_resolver_duration_seconds_count: 'timed',
};

/** The calls of a server so far, by `Type.field`: those that it has `counted`, and those that it has `timed`. */
export async function callsOf({ management }) {
  const answer = await fetch(`http://${management}/metrics`);
  assert.equal(answer.status, 200);
  const calls = { counted: new Map(), timed: new Map() };
  for (const [, name, labels, value] of (await answer.text()).matchAll(SERIES)) {
    if (!(name in COUNTERS)) continue;
    const { type, field } = Object.fromEntries([...labels.matchAll(/(\w+)="(\w*)"/g)].map(([, ...pair]) => pair));
    calls[COUNTERS[name]].set(`${type}.${field}`, Number(value));
  }
  return calls;
}

/** How often each field was called between two times. */
export function since(earlier, later) {
  return new Map([...later].map(([field, count]) => [field, count - (earlier.get(field) ?? 0)]));
}

/** How often each field was called in all. */
export function total(all) {
  const sums = new Map();
  for (const [field, count] of all.flatMap((calls) => [...calls])) sums.set(field, (sums.get(field) ?? 0) + count);
  return sums;
}

/** The fields that were not called as often as they should have been, of `fields` or of all. */
export function miscounted(called, expected, fields = [...called.keys(), ...expected.keys()]) {
  const both = [...fields].map((field) => [field, { called: called.get(field) ?? 0, expected: expected.get(field) ?? 0 }]);
  return Object.fromEntries(both.filter(([, counts]) => counts.called !== counts.expected));
}

/** Of fields, those of objects that are no interface's: what is selected on an interface is timed under its name. */
export function ownOf(schema, calls) {
  return [...calls.keys()].filter((coordinate) => {
    const [name, field] = coordinate.split('.');
    const type = schema.getType(name);
    return isObjectType(type) && !type.getInterfaces().some((one) => field in one.getFields());
  });
}

/**
 * Executes a document with graphql-js over the data of an answer of the same shape, whose objects say under `TYPE_KEY` what
 * they are, where that is not certain: the data as text, how often each field of the schema was called, which of these calls
 * were for several fields under one response key, and what mutations were called with, in order.
 */
export function resolve(schema, { document, variables, operationName }, { data, errors }) {
  assert.deepEqual(errors, []);
  const calls = new Map();
  const mutations = [];
  const merged = [];
  const answer = execute({
    schema,
    document,
    variableValues: variables,
    operationName,
    rootValue: data,
    typeResolver: (value) => value[TYPE_KEY],
    fieldResolver: (source, args, _, { parentType, fieldName, fieldNodes, path }) => {
      const field = `${parentType.name}.${fieldName}`;
      calls.set(field, (calls.get(field) ?? 0) + 1);
      if (fieldNodes.length > 1) merged.push(field);
      if (parentType === schema.getMutationType()) mutations.push({ name: fieldName, ...args });
      return source[path.key];
    },
  });
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return { data: JSON.stringify(answer.data), calls, merged, mutations };
}
