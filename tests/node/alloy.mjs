// Reads Grafana Alloy's configuration syntax: blocks, attributes, and the expressions that this project uses.

const TOKEN = /\s+|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|\d+(?:\.\d+)?|[A-Za-z_]\w*|[{}[\](),.=]/y;

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  let line = 1;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new SyntaxError(`line ${line}: ${JSON.stringify(text.slice(at, at + 20))}`);
    const [token] = match;
    if (/^\s/.test(token)) {
      if (token.includes('\n')) found.push({ token: '\n', line });
      line += token.split('\n').length - 1;
    } else if (!token.startsWith('//')) {
      found.push({ token, line });
    }
  }
  return found;
}

/**
 * A body: `attributes` by name and nested `blocks`. An expression is `{ string }`, `{ number }`, `{ literal }`,
 * `{ list }`, `{ object }`, `{ reference }` (names joined by dots) or `{ call, arguments }`.
 */
export function parse(text) {
  const all = tokens(text);
  let next = 0;
  const fail = (what) => {
    const { line } = all[Math.min(next, all.length - 1)];
    throw new SyntaxError(`line ${line}: expected ${what}, found ${JSON.stringify(all[next]?.token ?? 'the end')}`);
  };
  const peek = () => all[next]?.token;
  const lines = () => {
    while (peek() === '\n') next += 1;
  };
  const take = (wanted) => {
    if (peek() !== wanted) fail(wanted);
    next += 1;
  };
  const name = () => {
    if (!/^[A-Za-z_]/.test(peek() ?? '')) fail('a name');
    return all[next++].token;
  };
  const dotted = () => {
    const names = [name()];
    while (peek() === '.') {
      next += 1;
      names.push(name());
    }
    return names.join('.');
  };
  const items = (end, item) => {
    const found = [];
    for (lines(); peek() !== end; lines()) {
      found.push(item());
      lines();
      if (peek() === ',') next += 1;
      else if (peek() !== end) fail(`, or ${end}`);
    }
    take(end);
    return found;
  };
  const expression = () => {
    const token = peek();
    if (token?.startsWith('"')) {
      next += 1;
      return { string: JSON.parse(token) };
    }
    if (/^\d/.test(token ?? '')) {
      next += 1;
      return { number: Number(token) };
    }
    if (token === '[') {
      next += 1;
      return { list: items(']', expression) };
    }
    if (token === '{') {
      next += 1;
      const pairs = items('}', () => {
        const key = peek().startsWith('"') ? JSON.parse(all[next++].token) : name();
        take('=');
        return [key, expression()];
      });
      return { object: Object.fromEntries(pairs) };
    }
    const reference = dotted();
    if (peek() === '(') {
      next += 1;
      return { call: reference, arguments: items(')', expression) };
    }
    return ['true', 'false', 'null'].includes(reference) ? { literal: reference } : { reference };
  };
  const body = (end) => {
    const found = { attributes: {}, blocks: [] };
    for (lines(); peek() !== end; lines()) {
      const { line } = all[next] ?? fail(end);
      const key = dotted();
      if (peek() === '=') {
        next += 1;
        if (key in found.attributes) throw new SyntaxError(`line ${line}: ${key} is there twice`);
        found.attributes[key] = expression();
      } else {
        const label = peek()?.startsWith('"') ? JSON.parse(all[next++].token) : null;
        take('{');
        found.blocks.push({ name: key, label, line, ...body('}') });
        take('}');
      }
      if (peek() !== end && peek() !== '\n') fail('a new line');
    }
    return found;
  };
  return body(undefined);
}

/** Every reference and call below a block, as `{ reference }` or `{ call }`. */
export function* uses(block) {
  for (const value of Object.values(block.attributes)) yield* within(value);
  for (const nested of block.blocks) yield* uses(nested);
}

function* within(expression) {
  if (expression.reference || expression.call) yield expression;
  const nested = expression.list ?? expression.arguments ?? Object.values(expression.object ?? {});
  for (const inner of nested) yield* within(inner);
}
