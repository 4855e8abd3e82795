// Whether a document is valid is the same here as in graphql-js, the reference implementation: documents at random over our
// schema, with scalars of ours that are strict there, too.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import {
  GraphQLError, Kind, buildSchema, getOperationAST, parse, specifiedRules, validate, version,
} from 'graphql';
import { getVariableValues } from 'graphql/execution/values.js';
import { Documents } from './documents.mjs';
import { REPOSITORY, startServer } from './server.mjs';

/** How many documents, from which seed on; a hundred times as many with PROVE=1. */
const COUNT = Number(process.env.PROVE ? 500_000 : 5_000);
const SEED = Number(process.env.SEED ?? 1);
/** Documents that are asked for at the same time. */
const AT_ONCE = 16;
/** As much as any of them may take: a refusal by a limit is no judgement. */
const LIMITS = {
  LIMIT_DEPTH: '64', LIMIT_COST: '1000000', LIMIT_EVENT_COST: '1000000', LIMIT_ROOT_FIELDS: '1000', LIMIT_ALIASES: '1000',
  LIMIT_DIRECTIVES: '1000', LIMIT_NODES: '10000', LIMIT_SUBSCRIPTIONS_PER_USER: '100000',
};

/**
 * Where graphql-js says otherwise, the specification counts (section 5.2.4.1): a subscription has no `@skip` and no `@include`
 * at its root. graphql-js knows no such rule before version 17, and evaluates them without variables.
 */
const CONDITION_AT_ROOT = 'can not specify @skip or @include on root fields';

function strict(schema) {
  const day = (text) => {
    const [year, month, date] = text.split('-').map(Number);
    const made = new Date(Date.UTC(2000, month - 1, date));
    made.setUTCFullYear(year, month - 1, date);
    return made.getUTCMonth() === month - 1 && made.getUTCDate() === date;
  };
  const DATE = /^\d{4}-\d\d-\d\d$/;
  const TIME = /^\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
  const reads = {
    Date: (text) => DATE.test(text) && day(text),
    DateTime: (text) => TIME.test(text) && day(text.slice(0, 10)),
  };
  for (const [name, isValid] of Object.entries(reads)) {
    const read = (value) => {
      if (typeof value === 'string' && isValid(value)) return value;
      throw new GraphQLError(`${value} is not a ${name}`);
    };
    const scalar = schema.getType(name);
    scalar.parseValue = read;
    scalar.parseLiteral = (node) => read(node.kind === Kind.STRING ? node.value : undefined);
  }
  return schema;
}

/** What graphql-js says is wrong with a request, or nothing. */
function judged(schema, { query, variables, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return error.message;
  }
  try {
    const [invalid] = validate(schema, document, specifiedRules);
    if (invalid) return invalid.message;
  } catch (error) {
    // Whatever is wrong with a condition at a subscription's root, it throws.
    if (!error.message.startsWith('Argument "if"')) throw error;
    return CONDITION_AT_ROOT;
  }
  const operation = getOperationAST(document, operationName);
  if (!operation) return 'no such operation';
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  return errors?.[0].message;
}

suite(`documents are judged as graphql-js ${version} judges them`, () => {
  let server;
  let schema;
  before(async () => {
    server = await startServer(LIMITS);
    schema = strict(buildSchema(await readFile(join(REPOSITORY, 'schema.graphql'), 'utf8')));
  });
  after(() => server?.stop());

  /**
   * What we say is wrong with a request: an error's message, nothing, or that a limit kept us from saying. Nobody asks:
   * so nothing is done, and no session ends.
   */
  async function ours({ query, variables, operationName, kind }) {
    const controller = new AbortController();
    const streams = kind === 'subscription';
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: streams ? 'text/event-stream' : 'application/graphql-response+json',
      },
      body: JSON.stringify({ query, variables, operationName }),
      signal: controller.signal,
    });
    if (streams && response.status === 200) {
      const first = await response.body.getReader().read();
      controller.abort();
      const told = new TextDecoder().decode(first.value);
      const data = /^data: ?(\{[^\n]*)/m.exec(told);
      if (!data || !/"errors"/.test(data[1])) return { message: undefined };
      return judgedBy(JSON.parse(data[1]));
    }
    return judgedBy(await response.json());
  }

  function judgedBy(answer) {
    if ('data' in answer || !answer.errors) return { message: undefined };
    const [{ extensions, path }] = answer.errors;
    if (extensions.code === 'LIMIT_EXCEEDED') return { limited: true };
    // What is refused for another reason, or by a field, was valid.
    const isInvalid = extensions.code === 'BAD_REQUEST' && !path;
    return { message: isInvalid ? answer.errors.map(({ message }) => message).join('; ') : undefined };
  }

  test(`${COUNT} from seed ${SEED} on`, async (t) => {
    const documents = new Documents(schema);
    const counts = { valid: 0, invalid: 0, limited: 0, different: 0 };
    const otherwise = [];
    let next = SEED;
    const work = async () => {
      while (next < SEED + COUNT && otherwise.length < 20) {
        const seed = next;
        next += 1;
        const request = documents.make(seed);
        const theirs = judged(schema, request);
        const { message, limited } = await ours(request);
        if (limited) counts.limited += 1;
        else if (theirs === undefined && message?.includes(CONDITION_AT_ROOT)) counts.different += 1;
        else if ((theirs === undefined) === (message === undefined)) counts[theirs === undefined ? 'valid' : 'invalid'] += 1;
        else otherwise.push({ seed, ...request, theirs, ours: message });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(otherwise, []);
    for (const kind of ['valid', 'invalid']) {
      assert.ok(counts[kind] > COUNT / 5, `${counts[kind]} of ${COUNT} are ${kind}`);
    }
    assert.ok(counts.limited < COUNT / 50, `${counts.limited} were refused for a limit`);
  });
});
