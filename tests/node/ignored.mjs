// What a document's text can have between its tokens and stands for nothing (GraphQL specification, section 2.1).
import { Lexer, Source, TokenKind } from 'graphql';

const IGNORED = [
  ' ', ' ', '  ', '\t', ',', ',,', '\n', '\r', '\r\n', '\uFEFF',
  // A comment ends with its line, however that ends, and has whatever else.
  '#\n', '# comment\n', '#\r', '# a comment\r', '# "\r\n', '#"""\n', '# } ) ] # \\\n', '# é 🌱 \uFEFF\u0000\u0007\u2028\r',
];
const AT_THE_END = ['', '', '\n', ',', '#', '# no line end', '# "', '\r', '\uFEFF'];
const WORDS = [TokenKind.NAME, TokenKind.INT, TokenKind.FLOAT, TokenKind.STRING, TokenKind.BLOCK_STRING];

/** The same tokens with other things between them: as little as there can be, or a lot. What is no token stays as it is. */
export function respaced(text, random) {
  const lexer = new Lexer(new Source(text));
  const many = random() < 0.4 ? 0 : random();
  const one = (list) => list[Math.floor(random() * list.length)];
  const between = () => {
    let made = '';
    while (random() < many * 0.6) made += one(IGNORED);
    return made;
  };
  let made = random() < 0.2 ? '\uFEFF' : '';
  let end = 0;
  let before = TokenKind.SOF;
  try {
    for (;;) {
      const token = lexer.advance();
      if (token.kind === TokenKind.EOF) return made + between() + one(AT_THE_END);
      const apart = between();
      // Two words would be one, or an empty string and another the beginning of a block string; and a number has no point.
      const must = WORDS.includes(before) && (WORDS.includes(token.kind) || token.kind === TokenKind.SPREAD);
      made += apart === '' && must ? one([' ', ',', '\n', '\uFEFF', '#\r']) : apart;
      made += text.slice(token.start, token.end);
      ({ kind: before, end } = token);
    }
  } catch {
    return made + text.slice(end);
  }
}
