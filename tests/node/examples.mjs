// The code of docs/live-updates.md, as files that can be imported.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileRelay } from './relay.mjs';
import { REPOSITORY } from './server.mjs';

export const PAGE = join(REPOSITORY, 'docs/live-updates.md');

/** The blocks of the page that have a file name: `[name, code]`. */
async function blocks() {
  const text = await readFile(PAGE, 'utf8');
  return [...text.matchAll(/^```js file=(\S+)\n(.*?)^```$/gms)].map(([, name, code]) => [name, code]);
}

/** Writes the blocks into a folder where they find their packages: how to `load` one, and to `remove` all. */
export async function writeExamples() {
  const folder = await mkdtemp(join(import.meta.dirname, 'node_modules/.examples-'));
  const files = await blocks();
  for (const [name, code] of files) await writeFile(join(folder, name), await compileRelay(name, code));
  return {
    load(name) {
      assert.ok(files.some(([file]) => file === name), `The page has no block ${name}`);
      return import(pathToFileURL(join(folder, name)));
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
