// Documents at random over a schema: valid ones, and ones that are damaged in a place or two. What they are is for others
// to say; the same seed gives the same document.
import { doTypesOverlap, getNamedType, isAbstractType, isCompositeType, isRequiredArgument } from 'graphql';
import { respaced } from './ignored.mjs';
import { Inputs, WORDS, dice } from './inputs.mjs';
import { wrongLiteral } from './literals.mjs';

const ALIASES = ['a', 'b', 'id', 'node'];
/**
 * Aliases that only `__typename` has: graphql-js does not know its type when it compares fields of different objects under
 * one response key, and finds no conflict where the specification has one (section 5.3.2).
 */
const TYPENAME_ALIASES = ['type', '__', 'kind'];
const TEXT = [
  '{', '}', '(', ')', ':', '!', '$', '...', 'on', '@skip', '"', '#', ',', '\n', '=', '[', ']', '|', '&', 'é', '\u0007',
  '"""', '\\', '\r', '\uFEFF', '\u00A0', '.', '..', '-', '0', '1', '%', ';', '?', '\uD83C', '🌱', 'null', '{}', '()', '@',
];

/** How documents are made, unless somebody says otherwise. */
const USUAL = {
  kinds: ['query', 'query', 'query', 'mutation', 'mutation', 'subscription'],
  /** The share of documents in which something is wrong. */
  damaged: 0.6,
  /** The share of selections that are fragments, of fields that are selected again, and of places with a directive. */
  fragments: 0.18,
  repeated: 0.12,
  directives: 0.06,
  /** The share of fields that have selections, at least. */
  nested: 0,
  /** How many selections there are about, and in the operation's own selection set at most. */
  size: 40,
  width: 3,
  /** Whether tokens are written in one way only, with a space between them. */
  isPlain: false,
  /** Values to choose from, by schema coordinate: of an argument, or of an input object's field. None: it is not given. */
  values: {},
  /** Which fields are selected. */
  selects: () => true,
};

/** A document with the variables and the operation's name that are sent with it. */
export class Documents {
  constructor(schema, options) {
    this.schema = schema;
    this.options = { ...USUAL, ...options };
    this.composites = Object.values(schema.getTypeMap()).filter(
      (type) => isCompositeType(type) && !type.name.startsWith('__'),
    );
  }

  make(seed) {
    const random = dice(seed);
    return new Making(this, random).request();
  }
}

class Making extends Inputs {
  constructor({ schema, options, composites }, random) {
    super(options, random);
    this.schema = schema;
    this.composites = composites;
    this.fragments = [];
    this.budget = options.size;
  }

  request() {
    const operations = [this.operation()];
    if (this.chance(0.06)) operations.push(this.operation());
    const texts = operations.map((operation, index) => {
      const { kind, set, variables } = operation;
      const needsName = operations.length > 1 || variables.length > 0 || this.chance(0.2);
      if (needsName && !(operations.length === 1 && this.chance(0.3))) {
        const free = WORDS.filter((word) => !operations.some(({ name }) => name === word));
        operation.name = this.damage() ? 'Same' : this.word(free) ?? `Op${index}`;
      }
      const text = variables.map((variable) => variable.text).join(this.chance(0.5) ? ', ' : ' ');
      const list = text === '' && !this.seldomDamage() ? '' : `(${text})`;
      const name = operation.name ? ` ${operation.name}` : '';
      if (kind === 'query' && name === '' && list === '' && this.chance(0.7)) {
        return `${this.seldomDamage() ? '"No description here" ' : ''}${set}`;
      }
      return `${this.description()}${kind}${name}${list}${this.misplaced()} ${set}`;
    });
    const used = this.damage() ? [...this.fragments, { text: 'fragment unused on Query { __typename }' }] : this.fragments;
    let query = [...texts, ...used.map((fragment) => fragment.text)].join(this.chance(0.5) ? '\n' : ' # comment\n');
    if (this.damages > 0 && this.chance(0.3)) query = this.torn(query);
    if (this.damages > 0 && this.chance(0.3)) query = this.mistaken(query);
    if (!this.options.isPlain && this.chance(0.3)) query = respaced(query, this.random);
    const [asked] = operations;
    const variables = {};
    for (const { name, value } of asked.variables) if (value !== undefined) variables[name] = value;
    if (this.chance(0.05)) variables.stray = 1;
    const operationName = operations.length > 1 || this.chance(0.2) ? asked.name : undefined;
    return { query, variables, operationName, kind: asked.kind };
  }

  /** A text with a piece too much, or too little. */
  torn(text) {
    const at = Math.floor(this.random() * text.length);
    return this.chance(0.5) ? text.slice(0, at) + text.slice(at + 1) : text.slice(0, at) + this.one(TEXT) + text.slice(at);
  }

  /** A text in which something else stands for a number or a string. */
  mistaken(text) {
    const literals = [...text.matchAll(/(?<=[:=[,(] ?)(-?\d[\w.+-]*|"\w*")/g)];
    if (literals.length === 0) return text;
    const { 0: literal, index } = this.one(literals);
    return text.slice(0, index) + wrongLiteral(this.random) + text.slice(index + literal.length);
  }

  operation() {
    const kind = this.one(this.options.kinds);
    const roots = { query: 'getQueryType', mutation: 'getMutationType', subscription: 'getSubscriptionType' };
    const root = this.schema[roots[kind]]();
    this.variables = [];
    const single = kind === 'subscription' && !this.damage();
    const set = this.selections(root, 0, new Map(), single ? 1 : undefined);
    if (this.damage()) this.variables.push({ name: 'unused', text: '$unused: Int', value: undefined });
    return { kind, set, variables: this.variables };
  }

  /**
   * A selection set. Its `scope` is what is selected already on the same objects, here or elsewhere: by response key, the
   * field's name, arguments and type, and the scope of its own selections.
   */
  selections(type, depth, scope, count) {
    if (this.seldomDamage()) return '{ }';
    const wanted = count ?? 1 + Math.floor(this.random() * (depth === 0 ? this.options.width : 3));
    const parts = [];
    for (let index = 0; index < wanted; index += 1) parts.push(this.selection(type, depth, scope, count === 1));
    const [only] = count === 1 ? this.again(type, depth, scope) : [];
    if (only && this.chance(0.15)) parts.push(this.selected(only, depth, true));
    return `{ ${parts.join(' ')} }`;
  }

  selection(type, depth, scope, isRoot) {
    this.budget -= 1;
    const { fragments } = this.options;
    const roll = this.random();
    if (depth < 6 && this.budget > 0 && roll < fragments * 0.55) {
      const condition = this.chance(0.3) ? '' : ` on ${this.condition(type).name}`;
      const on = condition === '' ? type : this.schema.getType(condition.slice(4));
      const directives = isRoot ? '' : this.directives();
      return `...${condition}${directives} ${this.selections(on, depth + 1, scope, isRoot ? 1 : undefined)}`;
    }
    if (depth < 6 && this.budget > 0 && roll < fragments) {
      const name = this.fragment(type, depth, scope, isRoot);
      const again = this.chance(0.1) ? ` ...${name}` : '';
      return `...${this.damage() ? this.one(['nowhere', 'on']) : name}${isRoot ? '' : this.directives()}${again}`;
    }
    return this.field(type, depth, scope, isRoot);
  }

  /** The name of a fragment: a new one, or one that is used elsewhere, whose fields may be others under the same key. */
  fragment(type, depth, scope, isRoot) {
    const known = this.fragments.find((one) => {
      return one.text !== '' && (one.scope === scope || (!isRoot && doTypesOverlap(this.schema, one.on, type)));
    });
    if (known && this.chance(0.15)) return known.name;
    const on = this.condition(type);
    const words = WORDS.filter((word) => word !== 'on' && !this.fragments.some(({ name }) => name === word));
    const name = this.seldomDamage() ? 'on' : this.word(words) ?? `f${this.fragments.length}`;
    const made = { name, on, scope, text: '' };
    this.fragments.push(made);
    const inner = this.selections(on, depth + 1, scope, isRoot ? 1 : undefined);
    const body = this.damage() ? inner.replace(/}$/, `...${name} }`) : inner;
    const variables = this.seldomDamage() ? '($a: Int)' : '';
    made.text = `${this.description()}fragment ${name}${variables} on ${on.name}${this.misplaced()} ${body}`;
    return name;
  }

  /** A type that a fragment can be for where another is. */
  condition(type) {
    if (this.damage()) return this.one(this.composites);
    if (!isAbstractType(type)) return this.chance(0.8) ? type : this.one([type, ...(type.getInterfaces?.() ?? [])]);
    const others = this.composites.filter((other) => isAbstractType(other) && doTypesOverlap(this.schema, type, other));
    return this.one(this.chance(0.2) ? others : [type, ...this.schema.getPossibleTypes(type)]);
  }

  isDeep(depth) {
    return depth >= 5 || this.budget <= 0;
  }

  /** What a scope has that can be selected on a type again. */
  again(type, depth, scope) {
    const fields = type.getFields?.() ?? {};
    return [...scope.values()].filter(({ name, type: selected }) => {
      if (this.isDeep(depth) && isCompositeType(getNamedType(selected))) return false;
      return name in fields && String(fields[name].type) === String(selected);
    });
  }

  field(type, depth, scope, isRoot) {
    const known = this.again(type, depth, scope);
    if (!isRoot && known.length > 0 && this.chance(this.options.repeated)) return this.selected(this.one(known), depth);
    const all = Object.values(type.getFields?.() ?? {}).filter((field) => this.options.selects(type, field));
    if ((!isRoot && this.chance(0.08)) || all.length === 0) {
      return `${this.chance(0.2) ? `${this.one(TYPENAME_ALIASES)}: ` : ''}__typename${isRoot ? '' : this.directives()}`;
    }
    let alias = this.alias(isRoot ? 0.1 : 0.2);
    const field = this.oneOf(all, depth);
    const args = this.arguments(type, field);
    const before = scope.get(alias || field.name);
    const isSame = before?.name === field.name && before.args === args && String(before.type) === String(field.type);
    // One response key stands for one field (section 5.3.2).
    if (before && !isSame && !this.chance(0.1)) alias = `${field.name}${scope.size}`;
    const selected = isSame ? before : { alias, name: field.name, args, type: field.type, scope: new Map() };
    scope.set(alias || field.name, selected);
    const text = this.selected(selected, depth, isRoot);
    return this.chance(0.04) ? `${text} ${text}` : text;
  }

  oneOf(fields, depth) {
    const isNested = (field) => isCompositeType(getNamedType(field.type));
    const wanted = this.isDeep(depth) ? false : this.chance(this.options.nested) || undefined;
    const some = fields.filter((field) => isNested(field) === wanted);
    return this.one(some.length > 0 ? some : fields);
  }

  alias(probability) {
    return this.chance(probability) ? this.word(WORDS) ?? this.one(ALIASES) : '';
  }

  /** The text of a field that a scope has, with selections of its own. */
  selected({ alias, name, args, type, scope }, depth, isRoot) {
    const inner = getNamedType(type);
    const written = this.damage() ? `${name}x` : name;
    const directives = isRoot ? '' : this.directives();
    let set = isCompositeType(inner) ? ` ${this.selections(inner, depth + 1, scope)}` : '';
    if (this.damage()) set = set === '' ? ' { id }' : '';
    return `${alias === '' ? '' : `${alias}: `}${written}${args}${directives}${set}`;
  }

  directives() {
    if (!this.chance(this.options.directives)) return '';
    const name = this.damage() ? 'nothing' : this.one(['skip', 'include']);
    const condition = this.value({ type: this.boolean(), defaultValue: undefined });
    return ` @${name}(if: ${condition})${this.damage() ? ` @${name}(if: true)` : ''}`;
  }

  boolean() {
    return this.schema.getDirective('skip').args[0].type;
  }

  arguments(type, field) {
    const coordinate = (arg) => `${type.name}.${field.name}(${arg.name}:)`;
    const given = field.args.filter((arg) => this.isGiven(isRequiredArgument(arg), coordinate(arg)));
    const texts = given.map((arg) => `${arg.name}: ${this.value(arg, coordinate(arg))}`);
    if (this.damage()) texts.push('stray: 1');
    if (texts.length > 0 && this.damage()) texts.push(texts[0]);
    return texts.length === 0 && !this.seldomDamage() ? '' : `(${texts.join(', ')})`;
  }
}
