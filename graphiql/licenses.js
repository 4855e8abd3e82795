// Writes LICENSES.txt: the licence of every npm package with a module in the bundle.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const LICENCE_FILE = /^(licen[cs]e|copying|notice|third-?party-?notices)([.-].*)?$/i;

// Packages that ship no licence text, and the package of the same authors, under the same licence,
// that does.
const TEXT_FROM = {
  '@graphiql/plugin-doc-explorer': 'graphiql',
  '@graphiql/plugin-history': 'graphiql',
  'react-compiler-runtime': 'react',
  'react-remove-scroll-bar': 'react-remove-scroll',
};

// Not a package of its own: Monaco Editor ships the font without its licence.
const CODICONS =
  'The icon font codicon.ttf in monaco-editor: Codicons, (c) Microsoft Corporation, CC BY 4.0,\n' +
  'https://github.com/microsoft/vscode-codicons';

/** The directory of the npm package that a module belongs to, or null for our own sources. */
function packageOf(moduleId) {
  const file = moduleId.replace(/^\0/, '').split('?')[0];
  if (!file.includes('/node_modules/')) return null;
  for (let dir = dirname(file); dir.includes('/node_modules/'); dir = dirname(dir)) {
    const manifest = join(dir, 'package.json');
    // A package may hold nameless manifests that only set the module type.
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version) return dir;
  }
  return null;
}

function textsIn(dir) {
  return readdirSync(dir)
    .filter((name) => LICENCE_FILE.test(name))
    .sort()
    .map((name) => readFileSync(join(dir, name), 'utf8').replace(/\r\n/g, '\n').trim())
    .join('\n\n');
}

function describe(dir) {
  const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const text = textsIn(dir) || textsIn(resolve('node_modules', TEXT_FROM[name] ?? name));
  if (!license || !text) throw new Error(`${name} has no licence text: name one in TEXT_FROM`);
  return { heading: `${name} ${version} (${license})`, text };
}

export function licenses({ also }) {
  const packages = new Set(also.map((name) => resolve('node_modules', name)));
  return {
    collect: () => ({
      name: 'collect-licences',
      generateBundle(_options, bundle) {
        const ids = Object.values(bundle).flatMap((chunk) => chunk.moduleIds ?? []);
        // Style sheets leave the chunks when they are extracted.
        const styles = [...this.getModuleIds()].filter((id) => /\.css($|\?)/.test(id));
        for (const id of [...ids, ...styles]) {
          const dir = packageOf(id);
          if (dir) packages.add(dir);
        }
      },
    }),
    emit: () => ({
      name: 'emit-licences',
      enforce: 'post',
      generateBundle() {
        const order = (a, b) => (a.heading < b.heading ? -1 : a.heading > b.heading ? 1 : 0);
        const entries = [...packages].map(describe).sort(order);
        const rule = '='.repeat(78);
        const source = [
          'The page "Plant Care GraphiQL" is made from these packages.',
          '',
          ...entries.map((entry) => `- ${entry.heading}`),
          '',
          CODICONS,
          '',
          ...entries.map((entry) => `${rule}\n${entry.heading}\n${rule}\n\n${entry.text}\n`),
        ].join('\n');
        this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source });
      },
    }),
  };
}
