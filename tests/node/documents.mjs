// Documents at random over a schema: valid ones, and ones that are damaged in a place or two. What they are is for others
// to say; the same seed gives the same document.
import {
  getNamedType, getNullableType, isAbstractType, isCompositeType, isEnumType, isInputObjectType, isListType,
  isNonNullType, isRequiredArgument, isRequiredInputField,
} from 'graphql';

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const STRINGS = ['""', '"a"', '"Monstera"', '"""block "quoted" text"""', '"tab\\tand \\u00e9"', '"x # no comment"'];
const SCALARS = {
  // As small as pages are: what costs too much is refused before it is judged.
  Int: ['0', '1', '3', '-3'],
  Float: ['0', '1.5', '-2e3', '3'],
  Boolean: ['true', 'false'],
  ID: ['"abc"', '12', '""'],
  String: STRINGS,
  Date: ['"2027-12-01"', '"2028-02-29"'],
  DateTime: ['"2027-12-01T09:30:00Z"', '"2027-12-01T09:30:00.25+02:00"'],
};
const WRONG_LITERALS = [
  '1', '"text"', 'true', 'null', 'NO_SUCH_VALUE', '{}', '[]', '[[1]]', '{ stray: 1 }', '1.5', '2147483648', '99999999999',
  '"2027-12- 1"', '"2027-02-30"', '"2016-12-31T23:59:60Z"', '$undefined', '1e400',
];
const WRONG_VALUES = [
  1, 'text', true, null, {}, [], [[1]], { stray: 1 }, 1.5, 2147483648, 1e20, '2027-12- 1', '2027-02-30', 'NO_SUCH_VALUE', [null],
  '2016-12-31T23:59:60Z', 1.0,
];
const ALIASES = ['a', 'b', 'id', 'node'];
const TEXT = ['{', '}', '(', ')', ':', '!', '$', '...', 'on', '@skip', '"', '#', ',', '\n', '=', '[', ']', '|', '&', 'é', '\u0007'];

/** A document with the variables and the operation's name that are sent with it. */
export class Documents {
  constructor(schema) {
    this.schema = schema;
    this.composites = Object.values(schema.getTypeMap()).filter(
      (type) => isCompositeType(type) && !type.name.startsWith('__'),
    );
  }

  make(seed) {
    const random = dice(seed);
    return new Making(this, random).request();
  }
}

class Making {
  constructor(documents, random) {
    this.schema = documents.schema;
    this.composites = documents.composites;
    this.random = random;
    this.fragments = [];
    this.damages = this.chance(0.45) ? 1 + Math.floor(random() * 2) : 0;
    this.budget = 40;
  }

  chance(probability) {
    return this.random() < probability;
  }

  one(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  /** Whether something is to be wrong here. */
  damage() {
    if (this.damages === 0 || !this.chance(0.12)) return false;
    this.damages -= 1;
    return true;
  }

  request() {
    const operations = [this.operation()];
    if (this.chance(0.06)) operations.push(this.operation());
    let names = 0;
    const texts = operations.map((operation) => {
      const needsName = operations.length > 1 || operation.variables.length > 0 || this.chance(0.2);
      const name = needsName && !(operations.length === 1 && this.chance(0.3)) ? ` ${this.damage() ? 'Same' : `Op${names++}`}` : '';
      operation.name = name.trim();
      const variables = operation.variables.map(({ text }) => text).join(this.chance(0.5) ? ', ' : ' ');
      const list = variables === '' ? '' : `(${variables})`;
      const head = operation.kind === 'query' && name === '' && list === '' && this.chance(0.7) ? '' : operation.kind;
      return `${head}${name}${list} ${operation.set}`;
    });
    const used = this.damage() ? [...this.fragments, 'fragment unused on Query { __typename }'] : this.fragments;
    let query = [...texts, ...used].join(this.chance(0.5) ? '\n' : ' # comment\n');
    if (this.damages > 0 && this.chance(0.3)) query = this.torn(query);
    const [asked] = operations;
    const variables = {};
    for (const { name, value } of asked.variables) if (value !== undefined) variables[name] = value;
    if (this.chance(0.05)) variables.stray = 1;
    const operationName = operations.length > 1 || this.chance(0.2) ? asked.name || undefined : undefined;
    return { query, variables, operationName, kind: asked.kind };
  }

  /** A text with a piece too much, or too little. */
  torn(text) {
    const at = Math.floor(this.random() * text.length);
    return this.chance(0.5) ? text.slice(0, at) + text.slice(at + 1) : text.slice(0, at) + this.one(TEXT) + text.slice(at);
  }

  operation() {
    const kind = this.chance(0.6) ? 'query' : this.chance(0.6) ? 'mutation' : 'subscription';
    const roots = { query: 'getQueryType', mutation: 'getMutationType', subscription: 'getSubscriptionType' };
    const root = this.schema[roots[kind]]();
    this.variables = [];
    const single = kind === 'subscription' && !this.damage();
    const set = this.selections(root, 0, single ? 1 : undefined);
    if (this.damage()) this.variables.push({ name: 'unused', text: '$unused: Int', value: undefined });
    return { kind, set, variables: this.variables };
  }

  selections(type, depth, count) {
    const wanted = count ?? 1 + Math.floor(this.random() * 3);
    const parts = [];
    for (let index = 0; index < wanted; index += 1) parts.push(this.selection(type, depth, count === 1));
    return `{ ${parts.join(' ')} }`;
  }

  selection(type, depth, isRoot) {
    this.budget -= 1;
    const roll = this.random();
    if (depth < 6 && this.budget > 0 && roll < 0.1) {
      const condition = this.chance(0.3) ? '' : ` on ${this.condition(type).name}`;
      const on = condition === '' ? type : this.schema.getType(condition.slice(4));
      return `...${condition}${isRoot ? '' : this.directives()} ${this.selections(on, depth + 1, isRoot ? 1 : undefined)}`;
    }
    if (depth < 6 && this.budget > 0 && roll < 0.18) {
      const on = this.condition(type);
      const name = `f${this.fragments.length}`;
      this.fragments.push('');
      const place = this.fragments.length - 1;
      const inner = this.selections(on, depth + 1, isRoot ? 1 : undefined);
      const body = this.damage() ? inner.replace(/}$/, `...${name} }`) : inner;
      this.fragments[place] = `fragment ${name} on ${on.name} ${body}`;
      const again = this.chance(0.1) ? ` ...${name}` : '';
      return `...${this.damage() ? 'nowhere' : name}${isRoot ? '' : this.directives()}${again}`;
    }
    return this.field(type, depth, isRoot);
  }

  /** A type that a fragment can be for where another is. */
  condition(type) {
    if (this.damage()) return this.one(this.composites);
    if (!isAbstractType(type)) return this.chance(0.8) ? type : this.one([type, ...(type.getInterfaces?.() ?? [])]);
    return this.one([type, ...this.schema.getPossibleTypes(type)]);
  }

  field(type, depth, isRoot) {
    const alias = this.chance(isRoot ? 0.1 : 0.2) ? `${this.one(ALIASES)}: ` : '';
    if (!isRoot && this.chance(0.08) || !type.getFields) return `${alias}__typename`;
    const all = Object.values(type.getFields());
    const shallow = all.filter((field) => !isCompositeType(getNamedType(field.type)));
    const field = this.one(depth >= 5 || this.budget <= 0 ? (shallow.length > 0 ? shallow : all) : all);
    const name = this.damage() ? `${field.name}x` : field.name;
    const args = this.arguments(field.args);
    const inner = getNamedType(field.type);
    const directives = isRoot ? '' : this.directives();
    let set = isCompositeType(inner) ? ` ${this.selections(inner, depth + 1)}` : '';
    if (this.damage()) set = set === '' ? ' { id }' : '';
    const text = `${name}${args}${directives}${set}`;
    return this.chance(0.04) ? `${alias}${text} ${alias}${text}` : `${alias}${text}`;
  }

  directives() {
    if (!this.chance(0.06)) return '';
    const name = this.damage() ? 'nothing' : this.one(['skip', 'include']);
    const condition = this.value({ type: this.boolean(), defaultValue: undefined });
    return ` @${name}(if: ${condition})${this.damage() ? ` @${name}(if: true)` : ''}`;
  }

  boolean() {
    return this.schema.getDirective('skip').args[0].type;
  }

  arguments(args) {
    const given = args.filter((arg) => (isRequiredArgument(arg) ? !this.damage() : this.chance(0.35)));
    const texts = given.map((arg) => `${arg.name}: ${this.value(arg)}`);
    if (this.damage()) texts.push('stray: 1');
    if (texts.length > 0 && this.damage()) texts.push(texts[0]);
    return texts.length === 0 ? '' : `(${texts.join(', ')})`;
  }

  /** What is written for an argument or a field of an input. */
  value(of) {
    if (this.damage()) return this.one(WRONG_LITERALS);
    return this.chance(0.35) ? this.variable(of) : this.literal(of.type);
  }

  variable({ type, defaultValue }) {
    const shared = this.variables.find((one) => String(one.type) === String(type) && this.chance(0.2));
    if (shared) return `$${shared.name}`;
    const name = `v${this.variables.length}`;
    let declared = String(type);
    let fallback = '';
    if (isNonNullType(type) && this.chance(0.15)) {
      // Allowed with a default other than null, here or there.
      declared = String(getNullableType(type));
      if (defaultValue === undefined || this.chance(0.5)) fallback = ` = ${this.damage() ? 'null' : this.literal(type)}`;
    } else if (!isNonNullType(type) && this.chance(0.2)) {
      declared = `${type}!`;
    } else if (this.chance(0.1)) {
      fallback = ` = ${this.damage() ? this.one(WRONG_LITERALS.filter((text) => text !== '$undefined')) : this.literal(type)}`;
    }
    if (this.damage()) declared = this.one(['Int', 'String!', '[Int!]', 'Query', 'Nothing', 'Boolean']);
    const isRequired = declared.endsWith('!') && fallback === '';
    const wrong = this.damage();
    let value;
    if (wrong) value = this.one(WRONG_VALUES);
    else if (isRequired || this.chance(0.6)) value = this.json(type);
    this.variables.push({ name, type, text: `$${name}: ${declared}${fallback}`, value });
    return `$${name}`;
  }

  literal(type, depth = 0) {
    if (isNonNullType(type)) return this.literal(type.ofType, depth);
    if (this.chance(0.05) && depth > 0 && this.damage()) return 'null';
    if (isListType(type)) {
      if (this.chance(0.2)) return this.literal(type.ofType, depth + 1);
      const count = Math.floor(this.random() * 3);
      return `[${Array.from({ length: count }, () => this.literal(type.ofType, depth + 1)).join(', ')}]`;
    }
    if (isEnumType(type)) return this.one(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields());
      const given = fields.filter((field) => (isRequiredInputField(field) ? !this.damage() : this.chance(0.3) && depth < 4));
      const texts = given.map((field) => `${field.name}: ${depth < 4 ? this.value(field) : this.literal(field.type, depth + 1)}`);
      if (this.damage()) texts.push('stray: 1');
      if (texts.length > 0 && this.damage()) texts.push(texts[0]);
      return `{ ${texts.join(', ')} }`;
    }
    return this.one(SCALARS[type.name]);
  }

  json(type, depth = 0) {
    if (isNonNullType(type)) return this.json(type.ofType, depth);
    if (this.chance(0.05)) return this.damage() ? this.one(WRONG_VALUES) : depth === 0 ? null : this.json(type, depth);
    if (isListType(type)) {
      if (this.chance(0.2)) return this.json(type.ofType, depth + 1);
      return Array.from({ length: Math.floor(this.random() * 3) }, () => this.json(type.ofType, depth + 1));
    }
    if (isEnumType(type)) return this.one(type.getValues()).name;
    if (isInputObjectType(type)) {
      const given = {};
      for (const field of Object.values(type.getFields())) {
        const takes = isRequiredInputField(field) ? !this.damage() : this.chance(0.3) && depth < 4;
        if (takes) given[field.name] = this.json(field.type, depth + 1);
      }
      if (this.damage()) given.stray = 1;
      return given;
    }
    const literal = this.one(SCALARS[type.name].filter((text) => !text.startsWith('"""')));
    return JSON.parse(literal);
  }
}
