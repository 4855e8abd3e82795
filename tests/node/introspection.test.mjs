// What introspection tells is the published schema, all of it and nothing else, in whatever words it is asked for.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import {
  buildClientSchema, buildSchema, getIntrospectionQuery, graphqlSync, isIntrospectionType, isSpecifiedDirective,
  isSpecifiedScalarType, lexicographicSortSchema, parse, print, printSchema, version,
} from 'graphql';
import * as graphql17 from 'graphql17';
import { REPOSITORY, client, startServer } from './server.mjs';

const OPTIONS = [
  'descriptions', 'specifiedByUrl', 'directiveIsRepeatable', 'schemaDescription', 'inputValueDeprecation', 'oneOf',
];
const ALL = Object.fromEntries(OPTIONS.map((option) => [option, true]));
/** How deep types of types are asked for: far deeper than any are. */
const DEEPEST = 20;

const sdl = await readFile(join(REPOSITORY, 'schema.graphql'), 'utf8');
const schema = buildSchema(sdl);
const specified = parse(await readFile(join(import.meta.dirname, 'introspection.graphql'), 'utf8'), { noLocation: true });

/** Every set of options. */
const combinations = Array.from({ length: 2 ** OPTIONS.length }, (_, number) =>
  Object.fromEntries(OPTIONS.map((option, place) => [option, (number & (1 << place)) !== 0])));
const nameOf = (options) => OPTIONS.filter((option) => options[option]).join(', ') || 'nothing else';
const printed = (one) => printSchema(lexicographicSortSchema(one));

/** What is told of the types of a schema, in an order of its own; not of those that are the specification's. */
function typesOf({ __schema: { types } }) {
  return sorted(types.filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type)));
}

function sorted(value) {
  if (value === null || typeof value !== 'object') return value;
  if (!Array.isArray(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sorted(inner)]));
  return value.map(sorted).sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** What refers to which type, as far as an answer says. */
function referencesOf({ __schema: { types } }) {
  const fields = types.filter((type) => !isIntrospectionType(type)).flatMap(({ name, fields, inputFields }) =>
    [...(fields ?? []), ...(inputFields ?? [])].map((field) => ({ at: `${name}.${field.name}`, ...field })));
  const args = fields.flatMap(({ at, args = [] }) => args.map((arg) => ({ at: `${at}(${arg.name}:)`, ...arg })));
  return Object.fromEntries([...fields, ...args].map(({ at, type }) => [at, JSON.stringify(type)]));
}

const reference = ({ kind, name, ofType }) =>
  kind === 'NON_NULL' ? `${reference(ofType)}!` : kind === 'LIST' ? `[${reference(ofType)}]` : name;
const list = (args) => (args.length > 0 ? `(${args.sort().join(', ')})` : '');

/** What an answer tells of what is the specification's, a line each. */
function toldOf({ __schema: { types, directives } }) {
  const standard = (value) => (value === null ? '' : ` = ${value}`);
  const argument = ({ name, type, defaultValue }) => `${name}: ${reference(type)}${standard(defaultValue)}`;
  const lines = types.filter(isIntrospectionType).flatMap(({ name, fields, enumValues }) => [
    ...(fields ?? []).map((field) => `${name}.${field.name}${list(field.args.map(argument))}: ${reference(field.type)}`),
    ...(enumValues ?? []).map((value) => `${name}.${value.name}`),
  ]);
  const own = directives.filter(isSpecifiedDirective);
  const told = own.map(({ name, args, locations }) => {
    return `@${name}${list(args.map(argument))} on ${locations.sort().join(' | ')}`;
  });
  return [...lines, ...told].sort();
}

/** The same of what the specification says. */
function definedIn({ definitions }) {
  const lines = definitions.flatMap(({ name: { value: name }, fields = [], values = [], locations, arguments: args }) => [
    ...fields.map((field) => `${name}.${field.name.value}${list(field.arguments.map(print))}: ${print(field.type)}`),
    ...values.map((value) => `${name}.${value.name.value}`),
    ...(locations ? [`@${name}${list(args.map(print))} on ${locations.map(({ value }) => value).sort().join(' | ')}`] : []),
  ]);
  return lines.sort();
}

suite('introspection', () => {
  let server;
  let ask;
  before(async () => {
    server = await startServer();
    ask = client(server.url);
  });
  after(() => server?.stop());

  for (const options of combinations) {
    test(`a client of graphql-js ${version} that asks for ${nameOf(options)} has the published schema`, async () => {
      const source = getIntrospectionQuery(options);
      const { data } = graphqlSync({ schema, source });
      assert.equal(printed(buildClientSchema(await ask(source))), printed(buildClientSchema(data)));
    });
  }

  test('one that asks for all has what the published schema says', async () => {
    assert.equal(printed(buildClientSchema(await ask(getIntrospectionQuery(ALL)))), printed(schema));
  });

  test('the schema has a description of its own, and tells it', async () => {
    const { __schema: told } = await ask('{ __schema { description } }');
    assert.ok(schema.description, 'schema.graphql does not describe the schema');
    assert.equal(told.description, schema.description);
  });

  test(`of each type all is told that graphql-js ${version} tells`, async () => {
    const source = getIntrospectionQuery(ALL);
    assert.deepEqual(typesOf(await ask(source)), typesOf(graphqlSync({ schema, source }).data));
  });

  test('no type is listed that nothing refers to', async () => {
    const { __schema: told } = await ask(getIntrospectionQuery());
    const types = new Map(told.types.map((type) => [type.name, type]));
    const reached = new Set();
    const reach = ({ name, ofType }) => {
      if (ofType) return reach(ofType);
      if (reached.has(name)) return;
      reached.add(name);
      const { fields, inputFields, interfaces, possibleTypes } = types.get(name);
      for (const field of fields ?? []) [field, ...field.args].forEach(({ type }) => reach(type));
      for (const field of inputFields ?? []) reach(field.type);
      for (const other of [...(interfaces ?? []), ...(possibleTypes ?? [])]) reach(other);
    };
    [told.queryType, told.mutationType, told.subscriptionType, { name: '__Schema' }].forEach(reach);
    for (const { args } of told.directives) args.forEach(({ type }) => reach(type));
    assert.deepEqual([...types.keys()].filter((name) => !reached.has(name)), []);
  });

  test('what is every schema\'s is as the specification has it', async () => {
    assert.deepEqual(toldOf(await ask(getIntrospectionQuery(ALL))), definedIn(specified));
  });

  const schema17 = graphql17.buildSchema(sdl);
  for (let typeDepth = 1; typeDepth <= DEEPEST; typeDepth += 1) {
    test(`a client of graphql-js ${graphql17.version} is told of types ${typeDepth} deep`, async () => {
      const source = graphql17.getIntrospectionQuery({ typeDepth });
      const { data } = graphql17.graphqlSync({ schema: schema17, source });
      assert.deepEqual(referencesOf(await ask(source)), referencesOf(data));
    });
  }
});
