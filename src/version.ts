import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What this program is called and which release it is, as `package.json` says. */
export interface Program {
  readonly name: string;
  readonly version: string;
}

interface Manifest extends Program {
  readonly engines: { readonly node: string };
}

/** Read once: from the folder above `src`, or above `dist`. */
const manifest = readManifest();

export const PROGRAM: Program = { name: manifest.name, version: manifest.version };

/** The versions of Node that it runs on, as npm writes ranges. */
export const NODE_RANGE: string = manifest.engines.node;

function readManifest(): Manifest {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest; // our own file
}
