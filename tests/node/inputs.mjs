// What is given to the arguments of a document at random: literals, and variables with their values.
import {
  astFromValue, getNullableType, isEnumType, isInputObjectType, isListType, isNonNullType, isRequiredInputField, print,
} from 'graphql';
import { LITERALS, SCALARS, WRONG_VALUES, stringLiteral, wrongLiteral } from './literals.mjs';

/** Names that stand for something in the grammar, and are names as others are in most places (section 2.1.9). */
export const WORDS = ['on', 'fragment', 'query', 'mutation', 'subscription', 'true', 'false', 'null', 'input', 'extend', '_'];
/** How deep input objects nest of themselves. */
const DEEP = 4;
const WRONG_TYPES = ['Int', 'String!', '[Int!]', 'Query', 'Nothing', 'Boolean', 'Int!!', '[Int', '!', 'on'];

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

/** Inputs by chance, right ones and wrong ones; and the variables that were made for them. */
export class Inputs {
  constructor(options, random) {
    this.options = options;
    this.random = random;
    this.variables = [];
    /** How strings are written: each in one way, as not all agree that `"a"` and `"""a"""` are the same argument. */
    this.written = new Map();
    /** How much is still to be wrong. */
    this.damages = this.chance(options.damaged) ? 1 + Math.floor(random() * 2) : 0;
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

  /** Whether something is to be wrong here, of which there is little else that could be. */
  seldomDamage() {
    return this.chance(0.2) && this.damage();
  }

  /** A name of the grammar, now and then. */
  word(words) {
    return words.length > 0 && this.chance(0.15) ? this.one(words) : undefined;
  }

  /** What describes a definition: September 2025 has it of operations, fragments and variables, too. */
  description() {
    return !this.options.isPlain && this.chance(0.03) ? `${this.scalar('String', this.one(SCALARS.String))} ` : '';
  }

  /** A directive where it cannot be. */
  misplaced() {
    if (!this.seldomDamage()) return '';
    return this.one([
      ' @skip(if: true)', ' @nothing', ' @include(if: $undefined)', ' @', ' @deprecated', ' @specifiedBy(url: "a")',
    ]);
  }

  isGiven(isRequired, coordinate, depth = 0) {
    if (isRequired) return !this.damage();
    if (depth >= DEEP) return false;
    const known = this.options.values[coordinate];
    return this.chance(known === undefined ? 0.35 : known.length === 0 ? 0 : 0.85);
  }

  /** What is written for an argument or a field of an input. */
  value(of, coordinate) {
    if (this.damage()) return wrongLiteral(this.random);
    return this.chance(0.35) ? this.variable(of, coordinate) : this.literal(of.type, coordinate);
  }

  variable({ type, defaultValue }, coordinate) {
    const known = this.options.values[coordinate];
    const isShared = (one) => String(one.type) === String(type) && one.known === known && this.chance(0.2);
    const shared = this.variables.find(isShared);
    if (shared) return `$${shared.name}`;
    const words = WORDS.filter((word) => !this.variables.some(({ name }) => name === word));
    const name = this.word(words) ?? `v${this.variables.length}`;
    let declared = String(type);
    let fallback = '';
    if (isNonNullType(type) && this.chance(0.15)) {
      // Allowed with a default other than null, here or there.
      declared = String(getNullableType(type));
      const needsDefault = defaultValue === undefined || this.chance(0.5);
      if (needsDefault) fallback = ` = ${this.damage() ? 'null' : this.constant(type, coordinate)}`;
    } else if (!isNonNullType(type) && this.chance(0.2)) {
      declared = `${type}!`;
    } else if (this.chance(0.1)) {
      fallback = ` = ${this.damage() ? wrongLiteral(this.random, true) : this.constant(type, coordinate)}`;
    }
    if (this.damage()) declared = this.one(WRONG_TYPES);
    const isRequired = declared.endsWith('!') && fallback === '';
    const wrong = this.damage();
    let value;
    if (wrong) value = this.one(WRONG_VALUES);
    else if (isRequired || this.chance(0.6)) {
      do value = this.json(type, coordinate);
      while (value === null && declared.endsWith('!') && !this.damage());
    }
    const text = `${this.description()}$${name}: ${declared}${fallback}${this.misplaced()}`;
    this.variables.push({ name, type, known, text, value });
    return `$${name}`;
  }

  /** A literal without variables. */
  constant(type, coordinate) {
    return this.literal(type, coordinate, DEEP);
  }

  literal(type, coordinate, depth = 0) {
    if (isNonNullType(type)) return this.literal(type.ofType, coordinate, depth);
    const known = this.options.values[coordinate];
    if (known) return print(astFromValue(this.one(known), type));
    if (this.chance(0.05) && depth > 0 && this.damage()) return 'null';
    if (isListType(type)) {
      if (this.chance(0.2)) return this.literal(type.ofType, coordinate, depth + 1);
      const count = Math.floor(this.random() * 3);
      return `[${Array.from({ length: count }, () => this.literal(type.ofType, coordinate, depth + 1)).join(', ')}]`;
    }
    if (isEnumType(type)) return this.one(type.getValues()).name;
    if (isInputObjectType(type)) {
      const of = (field) => `${type.name}.${field.name}`;
      const fields = Object.values(type.getFields());
      const given = fields.filter((field) => this.isGiven(isRequiredInputField(field), of(field), depth));
      const texts = given.map((field) => {
        const value = depth < DEEP ? this.value(field, of(field)) : this.literal(field.type, of(field), depth + 1);
        return `${field.name}: ${value}`;
      });
      if (this.damage()) texts.push('stray: 1');
      if (texts.length > 0 && this.damage()) texts.push(texts[0]);
      return `{ ${texts.join(', ')} }`;
    }
    return this.scalar(type.name, this.one(SCALARS[type.name]));
  }

  scalar(type, value) {
    if (LITERALS.includes(type) || typeof value === 'number') return String(value);
    if (this.options.isPlain) return JSON.stringify(value);
    const known = this.written.get(value) ?? stringLiteral(value, this.random);
    this.written.set(value, known);
    return known;
  }

  json(type, coordinate, depth = 0) {
    if (isNonNullType(type)) return this.json(type.ofType, coordinate, depth);
    const known = this.options.values[coordinate];
    if (known) return this.one(known);
    if (this.chance(0.05) && this.damage()) return this.one(WRONG_VALUES);
    if (this.chance(0.05) && depth === 0) return null;
    if (isListType(type)) {
      if (this.chance(0.2)) return this.json(type.ofType, coordinate, depth + 1);
      return Array.from({ length: Math.floor(this.random() * 3) }, () => this.json(type.ofType, coordinate, depth + 1));
    }
    if (isEnumType(type)) return this.one(type.getValues()).name;
    if (isInputObjectType(type)) {
      const given = {};
      for (const field of Object.values(type.getFields())) {
        const of = `${type.name}.${field.name}`;
        if (this.isGiven(isRequiredInputField(field), of, depth)) given[field.name] = this.json(field.type, of, depth + 1);
      }
      if (this.damage()) given.stray = 1;
      return given;
    }
    const value = this.one(SCALARS[type.name]);
    return LITERALS.includes(type.name) ? JSON.parse(value) : value;
  }
}
