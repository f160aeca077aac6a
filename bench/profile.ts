import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callTree, type CpuProfile, selfTimes } from './cpu-profile';
import { drawFlames } from './draw-flames';
import type { Result } from './result';
import { Services } from './with-services';

export const PROFILE_HELP = `npm run bench -- profile [--short]      where the service's time goes while it receives, at 64 connections
  --short   5 seconds, not 30

Writes docs/profile.svg, a flame graph, and prints one line of JSON with the ten functions that take most themselves. Says
something only on a machine that does nothing else.
`;

const connections = 64;
const topCount = 10;

export async function benchProfile(isShort: boolean): Promise<Result> {
  const profile = await Services.use(async (services) => {
    const folder = join(services.folder, 'profile');
    mkdirSync(folder);
    await services.start(['--cpu-prof', `--cpu-prof-dir=${folder}`]);
    const { committed } = await services.load(connections, isShort ? 5 : 30);
    process.stderr.write(`${committed.events} events in ${committed.transactions} batches\n`);
    await services.stop();
    const [file = ''] = readdirSync(folder);
    return JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile; // written by Node
  });
  const tree = callTree(profile, process.cwd());
  const top = selfTimes(tree).slice(0, topCount);
  for (const { name, part } of top)
    process.stderr.write(`${(100 * part).toFixed(1).padStart(5)} %  ${name}\n`);
  writeFileSync('docs/profile.svg', drawFlames(tree));
  return { figures: { connections, top }, marks: {} };
}
