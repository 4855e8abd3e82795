// A document in canonical form, by graphql-js alone: what CollectFields (GraphQL specification, September 2025, section
// 6.3.2) makes of it, written down as a document again. One field for each response key, in the order of first inclusion;
// no fragment but for what differs between the types that an object may have; and all conditions decided.
import { Kind, getNamedType, isAbstractType, isCompositeType, isInterfaceType, parse, print, visit } from 'graphql';
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';
import { getFieldDef } from 'graphql/execution/execute.js';
import { getVariableValues } from 'graphql/execution/values.js';

/** An object of which nothing is left. The grammar has no empty selection set: this is the one condition that stays. */
const NOTHING = selectionSetOf('{ __typename @skip(if: true) }');

function selectionSetOf(text) {
  return parse(text, { noLocation: true }).definitions[0].selectionSet;
}

/**
 * The canonical form of an operation of a valid `document`, with the values of its variables as they are sent. Variables
 * stay, as far as they are used. With a `typeKey`, it asks besides, under this key, which type every object is that may be
 * of several.
 */
export function canonical(schema, document, operation, variables, typeKey) {
  const ofKind = (kind) => document.definitions.filter((definition) => definition.kind === kind);
  const fragments = Object.fromEntries(ofKind(Kind.FRAGMENT_DEFINITION).map((fragment) => [fragment.name.value, fragment]));
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  const typeField = typeKey && selectionSetOf(`{ ${typeKey}: __typename }`).selections;

  const fieldsOf = (type, collected) => [...collected.values()].map((nodes) => fieldOf(type, nodes));

  function fieldOf(type, nodes) {
    const [first] = nodes;
    const returned = getNamedType(getFieldDef(schema, type, first).type);
    const selectionSet = isCompositeType(returned) ? selectionsOn(returned, nodes) : undefined;
    return { ...first, directives: [], selectionSet };
  }

  /** What the selections of several fields under one response key are together. */
  function selectionsOn(type, nodes) {
    const on = (object) => fieldsOf(object, collectSubfields(schema, fragments, coerced, object, nodes));
    if (!isAbstractType(type)) return setOf(on(type));
    const byType = schema.getPossibleTypes(type).map((object) => ({ object, fields: on(object) }));
    const selections = hasAll(type, byType) ? byType[0].fields : byType.flatMap(inlineFragment);
    return setOf([...(typeField ?? []), ...selections]);
  }

  const root = schema.getRootType(operation.operation);
  const selectionSet = setOf(fieldsOf(root, collectFields(schema, fragments, coerced, root, operation.selectionSet)));
  const used = new Set();
  visit(selectionSet, { Variable: ({ name }) => void used.add(name.value) });
  const variableDefinitions = (operation.variableDefinitions ?? []).filter(({ variable }) => used.has(variable.name.value));
  const definition = { ...operation, description: undefined, directives: [], variableDefinitions, selectionSet };
  return print({ kind: Kind.DOCUMENT, definitions: [definition] });
}

const setOf = (selections) => (selections.length > 0 ? { kind: Kind.SELECTION_SET, selections } : NOTHING);

/** Whether the fields are the same for all types that an abstract type may be, and are its own. */
function hasAll(type, byType) {
  const texts = new Set(byType.map(({ fields }) => fields.map(print).join('\n')));
  const has = ({ name: { value } }) => value === '__typename' || (isInterfaceType(type) && value in type.getFields());
  return texts.size === 1 && byType[0].fields.every(has);
}

function inlineFragment({ object, fields }) {
  if (fields.length === 0) return [];
  const typeCondition = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: object.name } };
  return [{ kind: Kind.INLINE_FRAGMENT, typeCondition, directives: [], selectionSet: setOf(fields) }];
}
