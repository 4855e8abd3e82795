// The published schema against the rules of graphql-eslint and of graphql-js.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import plugin from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';
import { buildSchema, parse, validate, validateSchema } from 'graphql';
import { EXAMPLES } from '../../graphiql/src/examples.js';
import { REPOSITORY } from './server.mjs';

const PATH = join(REPOSITORY, 'schema.graphql');
const sdl = await readFile(PATH, 'utf8');

/** Types that have no identity of their own, and why. */
const WITHOUT_ID = {
  types: [
    // Relay's own shape.
    'PageInfo',
    // Values inside an answer.
    'UserError',
    'Session',
    // The one feed of the viewer.
    'Feed',
    // The limits of the one service.
    'ServiceLimits',
    // Messages of a stream: their place in it is the cursor.
    'BoardRequestChanged',
    'BoardRequestLeft',
    'CareEventDelivered',
    'FeedEventDelivered',
    'FeedReadMoved',
    'StreamCaughtUp',
    'StreamPosition',
    'StreamGap',
    'StreamEnded',
  ],
  suffixes: [
    // The answer of one mutation.
    'Payload',
    // Relay: a page of a list, and a place in it.
    'Connection',
    'Edge',
  ],
};

const DESCRIBED = {
  types: true,
  rootField: true,
  FieldDefinition: true,
  InputValueDefinition: true,
  EnumValueDefinition: true,
  DirectiveDefinition: true,
};

const RULE_SETS = {
  'schema-recommended': {
    ...plugin.configs['flat/schema-recommended'].rules,
    '@graphql-eslint/strict-id-in-types': ['error', { exceptions: WITHOUT_ID }],
  },
  'schema-relay': {
    ...plugin.configs['flat/schema-relay'].rules,
    '@graphql-eslint/relay-edge-types': [
      'error',
      {
        withEdgeSuffix: true,
        shouldImplementNode: true,
        // Short lists that end are plain lists: the plants of a request, the user errors.
        listTypeCanWrapOnlyEdgeType: false,
      },
    ],
  },
  'every description': {
    '@graphql-eslint/require-description': ['error', DESCRIBED],
  },
};

/** Single findings that are meant, by rule and type, and why. One that is not found is an error too. */
const MEANT = [
  // What is delivered has no identity: its node is the event inside, its place the cursor.
  { rule: '@graphql-eslint/relay-edge-types', type: 'FeedEventEdge' },
];

/** The name of the definition that holds this line of the schema. */
function typeAt(line) {
  const lineOf = (offset) => sdl.slice(0, offset).split('\n').length;
  const holds = ({ loc }) => lineOf(loc.start) <= line && line <= lineOf(loc.end);
  return parse(sdl).definitions.find(holds)?.name?.value;
}

async function lint(rules) {
  const eslint = new ESLint({
    cwd: REPOSITORY,
    overrideConfigFile: true,
    overrideConfig: {
      files: ['**/*.graphql'],
      plugins: { '@graphql-eslint': plugin },
      languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: PATH } } },
      rules,
    },
    // No comment in the schema may switch a rule off.
    allowInlineConfig: false,
  });
  const results = await eslint.lintText(sdl, { filePath: PATH });
  const found = results[0].messages.map(({ line, ruleId, message }) => {
    const type = typeAt(line);
    const meant = MEANT.find((one) => one.rule === ruleId && one.type === type);
    return { meant, text: `schema.graphql:${line} (${type}) ${ruleId}: ${message}` };
  });
  const stale = MEANT.filter((one) => rules[one.rule] && !found.some(({ meant }) => meant === one));
  return [
    ...found.filter(({ meant }) => !meant).map(({ text }) => text),
    ...stale.map(({ rule, type }) => `The exception of ${type} from ${rule} is needed no more`),
  ];
}

for (const [name, rules] of Object.entries(RULE_SETS)) {
  test(`the schema keeps the rules: ${name}`, async () => {
    assert.equal((await lint(rules)).join('\n'), '');
  });
}

test('the rules have no exception for a type that is gone', () => {
  const schema = buildSchema(sdl);
  assert.deepEqual(WITHOUT_ID.types.filter((name) => !schema.getType(name)), []);
});

test('graphql-js builds and accepts the schema', () => {
  assert.deepEqual(validateSchema(buildSchema(sdl)), []);
});

test('every example of the GraphiQL page fits the schema', () => {
  const schema = buildSchema(sdl);
  for (const { query } of EXAMPLES) {
    assert.deepEqual(validate(schema, parse(query)).map(String), []);
  }
});
