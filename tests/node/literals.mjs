// What is written for a value, in the ways that the specification knows (section 2.9); and what is no value, or a wrong one.
import { Lexer, Source } from 'graphql';

/** The scalars whose values are below as they are written. */
export const LITERALS = ['Int', 'Float', 'Boolean'];
/** Values of the scalars. */
export const SCALARS = {
  // As small as pages are: what costs too much is refused before it is judged.
  Int: ['0', '1', '3', '-3', '-0'],
  Float: ['0', '1.5', '-2e3', '3', '-0', '1e5', '1.5E-3', '0.0e+0'],
  Boolean: ['true', 'false'],
  ID: ['abc', 12, '', '-0', '🌱'],
  String: [
    '', 'a', 'Monstera', 'block "quoted" text', 'tab\tand é', 'x # no comment', '🌱 and \u{10FFFF}', 'three """ quotes',
    'two\n  lines', '\\u00e9 is no escape here', '\u0007 rings', '{ ... }',
  ],
  Date: ['2027-12-01', '2028-02-29'],
  DateTime: ['2027-12-01T09:30:00Z', '2027-12-01T09:30:00.25+02:00'],
};

/** What is seldom right, but always a value. */
const WRONG_LITERALS = [
  '1', '"text"', 'true', 'null', 'NO_SUCH_VALUE', '{}', '[]', '[[1]]', '{ stray: 1 }', '1.5', '2147483648', '99999999999',
  '"2027-12- 1"', '"2027-02-30"', '"2016-12-31T23:59:60Z"', '$undefined', '1e400', '-0', '1e5', '1.5E-3',
  '[[[[1], []], null]]', '{ a: { b: [{ on: $undefined }] } }', '[{}, "", 1.0, on]',
];

/** What is no value: numbers, strings and names that the grammar does not have. */
const WRONG_LEXEMES = [
  // Section 2.9.1 and 2.9.2: no zero before other digits, digits on both sides of a point, and no name or point after them.
  '00', '01', '-00', '-', '+1', '.5', '1.', '1.e1', '1e', '1e+', '1a', '1_0', '0x1F', '1.5f', '1.5.2', '1..2', '1e5n', '1é',
  // Section 2.9.4: escapes that there are not, or of no Unicode scalar value.
  '"\\q"', '"\\u12G4"', '"\\u12"', '"\\u{}"', '"\\u{12"', '"\\u{110000}"', '"\\u{D83C}"', '"\\U00e9"', '"\\u{1F331 }"',
  '"\\uD83C"', '"\\uDF31"', '"\\uDF31\\uD83C"', '"\\uD83C\\u{DF31}"', '"\\uD83C\\n"', '"\uD83C"', '"""\uDF31"""',
  '"line\nend"', '"line\rend"', '"never ended', '"""never ended', '"""never ended\\"""', '"\\"', "'single'",
  '%', '`', '~', '\\u00e9', 'é', '$', '$1', '@skip', '[1', '{ a: }', '{ a 1 }', '(1)',
];

/** What is sent instead of a value. */
export const WRONG_VALUES = [
  1, 'text', true, null, {}, [], [[1]], { stray: 1 }, 1.5, 2147483648, 1e20, '2027-12- 1', '2027-02-30', 'NO_SUCH_VALUE', [null],
  '2016-12-31T23:59:60Z', 1.0,
];

/** What is wrong for most arguments; as the default of a variable, if it must be constant. */
export function wrongLiteral(random, isConstant = false) {
  const all = random() < 0.6 ? WRONG_LITERALS : WRONG_LEXEMES;
  const possible = isConstant ? all.filter((text) => !text.includes('$')) : all;
  return possible[Math.floor(random() * possible.length)];
}

/** A string in one of the ways in which it can be written. */
export function stringLiteral(value, random) {
  if (random() < 0.3) {
    const block = blockString(value, random);
    if (valueOf(block) === value) return block;
  }
  const escapes = random() < 0.5 ? 0 : random();
  const characters = [...value].map((character) => (random() < escapes ? escaped(character, random) : plain(character)));
  return `"${characters.join('')}"`;
}

const SHORT = { '"': '\\"', '\\': '\\\\', '/': '\\/', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A character as itself, unless a string cannot have it so. */
const plain = (character) => (/["\\\n\r]/.test(character) ? SHORT[character] : character);

function escaped(character, random) {
  if (character in SHORT && random() < 0.5) return SHORT[character];
  const code = character.codePointAt(0).toString(16);
  const cased = random() < 0.5 ? code : code.toUpperCase();
  if (random() < 0.4) return `\\u{${random() < 0.2 ? '00' : ''}${cased}}`;
  // Two for what is beyond the basic plane: a surrogate pair.
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}

/** A block string that has this value; or another one, where no block string has. */
function blockString(value, random) {
  const end = ['\n', '\r', '\r\n'][Math.floor(random() * 3)];
  const indent = ['', ' ', '    ', '\t'][Math.floor(random() * 4)];
  const lines = value.replaceAll('"""', '\\"""').split('\n');
  const text = random() < 0.5 ? lines.join(end + indent) : lines.map((line) => end + indent + line).join('') + end + indent;
  return `"""${random() < 0.2 ? end : ''}${text}"""`;
}

/** What graphql-js reads in the text of one string. */
function valueOf(text) {
  try {
    const lexer = new Lexer(new Source(text));
    const { value, end } = lexer.advance();
    return end === text.length ? value : undefined;
  } catch {
    return undefined;
  }
}
