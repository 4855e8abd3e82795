// What babel-plugin-relay and relay-compiler do to a `graphql` tag, as far as the page needs it: it becomes a request.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { TypeInfo, buildSchema, getNamedType, getNullableType, isLeafType, isListType, isObjectType } from 'graphql';
import { parse, validate, visit, visitWithTypeInfo } from 'graphql';
import { REPOSITORY } from './server.mjs';

/** The code of a file with its tags replaced. */
export async function compileRelay(file, code) {
  const tag = /graphql`([^`]*)`/g;
  if (!tag.test(code)) return code;
  const schema = buildSchema(await readFile(join(REPOSITORY, 'schema.graphql'), 'utf8'));
  return code.replace(tag, (_, text) => JSON.stringify(request(schema, basename(file, '.mjs'), text)));
}

function request(schema, module, text) {
  const document = parse(text);
  assert.deepEqual(validate(schema, document).map(String), [], text);
  const types = new TypeInfo(schema);
  const [definition] = visit(
    document,
    visitWithTypeInfo(types, {
      // On the way in, where the types are known; on the way out the node has what it selects.
      Field: {
        enter: (node) => ({ ...node, type: types.getType() }),
        leave: (node) => field(node),
      },
      InlineFragment: {
        leave: ({ typeCondition, selectionSet }) => ({
          kind: 'InlineFragment',
          type: typeCondition.name.value,
          selections: selectionSet.selections,
          abstractKey: null,
        }),
      },
    }),
  ).definitions;
  const { operation, selectionSet, variableDefinitions } = definition;
  const name = definition.name.value;
  const kind = operation[0].toUpperCase() + operation.slice(1);
  assert.ok(name.startsWith(module) && name.endsWith(kind), `relay-compiler refuses the name ${name} in ${module}`);
  const argumentDefinitions = variableDefinitions.map(({ variable }) => ({
    kind: 'LocalArgument',
    name: variable.name.value,
    defaultValue: null,
  }));
  const { selections } = selectionSet;
  return {
    kind: 'Request',
    fragment: {
      kind: 'Fragment',
      name,
      type: kind,
      argumentDefinitions,
      selections,
      metadata: null,
      abstractKey: null,
    },
    operation: { kind: 'Operation', name, argumentDefinitions, selections },
    params: { cacheID: name, id: null, metadata: {}, name, operationKind: operation, text },
  };
}

function field({ name, alias, arguments: given, selectionSet, type }) {
  const shared = {
    name: name.value,
    alias: alias?.value ?? null,
    args: given.length === 0 ? null : given.map(argument),
    storageKey: null,
  };
  const named = getNamedType(type);
  if (isLeafType(named)) return { kind: 'ScalarField', ...shared };
  return {
    kind: 'LinkedField',
    ...shared,
    concreteType: isObjectType(named) ? named.name : null,
    plural: isListType(getNullableType(type)),
    selections: selectionSet.selections,
  };
}

function argument({ name, value }) {
  if (value.kind === 'Variable') return { kind: 'Variable', name: name.value, variableName: value.name.value };
  assert.equal(value.kind, 'IntValue', 'Only numbers and variables so far');
  return { kind: 'Literal', name: name.value, value: Number(value.value) };
}
