import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { errorCode } from '../base/error-code';
import { isOurs } from './refuse-unknown';
import { oneLineOf, StartRefusal } from './start-refusal';
import { Unfit } from './values';
import type { Variable } from './variable';
import { START } from './variables';

/** The variables of a process. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The value of a variable; its default if it is empty or not set.
 *
 * @throws StartRefusal that names the variable and what is wrong with it, never a secret's value
 */
export function readVariable<T>(env: Env, variable: Variable<T>): T {
  const text = textOf(env, variable);
  if (text === '') return variable.default;
  try {
    return variable.value.parse(text);
  } catch (error) {
    if (error instanceof Unfit) throw new StartRefusal(`${variable.name} ${error.message}`);
    throw error;
  }
}

/** Of a secret also from the file that `<name>_FILE` names; empty: it is not set. */
function textOf(env: Env, { name, isSecret }: Variable<unknown>): string {
  const text = env[name] ?? '';
  const fileVariable = `${name}_FILE`;
  const path = isSecret ? (env[fileVariable] ?? '') : '';
  if (path === '') return text;
  if (text !== '') throw new StartRefusal(`${name} and ${fileVariable} are both set: set only one of them`);
  try {
    const read = readFileSync(path, 'utf8').trim();
    if (read !== '') return read;
  } catch (error) {
    throw new StartRefusal(`${fileVariable} names a file that cannot be read: ${oneLineOf(error)}`);
  }
  throw new StartRefusal(`${fileVariable} names a file that is empty: ${path}`);
}

/**
 * Reads the variables of the file that `ENV_FILE` names, by default `.env` in the working directory. A variable that the
 * environment has stays as it is there, also an empty one.
 *
 * @returns one line for people that names the service's variables which were taken and are not empty; `null`: there are none
 * @throws StartRefusal when the file that `ENV_FILE` names cannot be read
 */
export function readEnvFile(env: NodeJS.ProcessEnv = process.env): string | null {
  const named = readVariable(env, START.envFile);
  if (named === null) return null;
  const path = resolve(named);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const isDefault = (env[START.envFile.name] ?? '') === '';
    if (isDefault && errorCode(error) === 'ENOENT') return null;
    throw new StartRefusal(`${path} cannot be read (ENV_FILE): ${oneLineOf(error)}`);
  }
  const taken = Object.entries(parseEnv(text)).filter(([name]) => env[name] === undefined);
  for (const [name, value] of taken) env[name] = value;
  const names = taken
    .filter(([name, value]) => value !== '' && isOurs(name))
    .map(([name]) => name)
    .sort()
    .join(', ');
  return names === '' ? null : `Read from ${path}: ${names} (variables of the environment take precedence)`;
}

/**
 * The id of the container that this process runs in, which is the name of the machine there; `null`: it runs in none.
 *
 * For what a command says before it reads the rest of the environment.
 */
export function containerOf(env: Env = process.env): string | null {
  return env[START.isInContainer.name] === 'true' ? hostname() : null;
}
