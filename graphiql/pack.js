// Packs dist/ into dist.tar: every file gzipped on its own, in a tar that is the same byte for
// byte for the same input: sorted names, no times, no owners.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT = 3 * 1024 * 1024;
const BLOCK = 512;

function header(name, size) {
  if (name.length > 100) throw new Error(`${name} is too long for a plain tar name`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value, length) => value.toString(8).padStart(length - 1, '0') + '\0';
  block.write(name, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(octal(sum, 7) + ' ', 148);
  return block;
}

const names = readdirSync('dist', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath}/${entry.name}`.slice('dist/'.length))
  .sort();
const blocks = names.flatMap((name) => {
  const body = gzipSync(readFileSync(`dist/${name}`), { level: 9 });
  // The header's "operating system" says where it was packed; 255 is "unknown".
  body[9] = 255;
  const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
  return [header(`${name}.gz`, body.length), body, padding];
});
const archive = Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
if (archive.length > LIMIT) throw new Error(`dist.tar has ${archive.length} bytes, more than ${LIMIT}`);
writeFileSync('dist.tar', archive);
console.log(`dist.tar: ${names.length} files, ${archive.length} bytes`);
