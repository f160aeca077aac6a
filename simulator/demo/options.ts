import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';

export interface DemoOptions {
  /** Given, or another each time: of it comes the id of the project. */
  readonly seed: number;
  /** How much goes wrong, in percent. */
  readonly dialsPercent: number;
  /** Nothing more happens after so many seconds; null: something always does. */
  readonly lifeSeconds: number | null;
  /** Of the service; its own, so that it never mixes with real data. */
  readonly dataDir: string;
  /** Null: the service makes one and keeps it in `dataDir`. */
  readonly adminApiKey: string | null;
}

/** @throws Error that says what is wrong with a variable */
export function readDemoOptions(env: Readonly<Record<string, string | undefined>>): DemoOptions {
  return {
    seed: wholeNumber(env, 'DEMO_SEED', 2 ** 31) ?? randomInt(2 ** 31),
    dialsPercent: wholeNumber(env, 'DEMO_DIALS', 100) ?? 0,
    lifeSeconds: wholeNumber(env, 'DEMO_SECONDS', 1_000_000),
    dataDir: resolve(env['DATA_DIR'] || 'data/demo'),
    adminApiKey: env['ADMIN_API_KEY'] || null,
  };
}

function wholeNumber(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  most: number,
): number | null {
  const text = env[name] ?? '';
  if (text === '') return null;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw new Error(`${name} must be a whole number from 0 to ${most}`);
}
