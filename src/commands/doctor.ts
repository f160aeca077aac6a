import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { withoutFullStop } from '../base/without-full-stop.rule';
import { type GivenConfig, loadConfig } from '../config/config';
import { readEnvFile } from '../config/environment';
import { warningsOf } from '../config/config-warnings';
import { oneLineOf, StartRefusal } from '../config/start-refusal';
import { NODE_RANGE } from '../version';
import { broken, type Check, ok, warn } from './doctor/check';
import { checkPostgres } from './doctor/check-postgres';
import { checkService } from './doctor/check-service';
import { checkSinch } from './doctor/check-sinch';
import { EXIT } from './exit-codes';
import { fitsRange } from './fits-range.rule';
import type { Output } from './output';
import { tableLines } from './table.rule';

/** A clock that is further off is reported; one further off than this is broken: Sinch's signed times are not believed. */
const clockWarnMs = 5_000;
const clockBrokenMs = 300_000;

/**
 * Looks at everything that the service needs: one line each, with what to do about it.
 *
 * Changes nothing, whether a service runs or not.
 * @returns the exit code: failed when something is broken
 */
export async function examine(output: Output): Promise<number> {
  const checks = [checkNode(), ...(await checkConfigured(output))];
  const isBroken = checks.some(({ status }) => status === 'broken');
  const rows = checks.map(({ status, name, detail, remedy }) => [
    status,
    name,
    remedy === null ? detail : `${withoutFullStop(detail)}. To do: ${remedy}`,
  ]);
  await output.result({ ok: !isBroken, checks }, tableLines(['STATUS', 'CHECK', 'RESULT'], rows));
  return isBroken ? EXIT.failed : EXIT.done;
}

function checkNode(): Check {
  const { node } = process.versions;
  return fitsRange(node, NODE_RANGE)
    ? ok('Node', node)
    : broken('Node', `${node} is not one of ${NODE_RANGE}`, 'install a supported version of Node');
}

async function checkConfigured(output: Output): Promise<readonly Check[]> {
  let given: GivenConfig;
  try {
    const read = readEnvFile();
    if (read !== null) output.note(read);
    given = loadConfig();
  } catch (error) {
    if (!(error instanceof StartRefusal)) throw error;
    return [broken('configuration', oneLineOf(error), 'correct it; the other checks need it')];
  }
  const warnings = warningsOf(given).map((warning) => {
    const [detail = '', ...remedy] = warning.split(/: (?=use |add )|; (?=use |add )/);
    return warn('configuration', detail, remedy.join('; '));
  });
  const configuration = warnings.length > 0 ? warnings : [ok('configuration', 'complete')];
  const [folder, service, postgres, sinch] = await Promise.all([
    checkFolder(given),
    checkService(given),
    checkPostgres(given),
    checkSinch(given),
  ]);
  return [
    ...configuration,
    ...folder,
    ...service,
    ...postgres.checks,
    ...sinch.checks,
    ...checkClock('Postgres', postgres.aheadMs),
    ...checkClock('Sinch', sinch.aheadMs),
  ];
}

/** Nothing without a DATA_DIR. */
async function checkFolder({ dataDir }: GivenConfig): Promise<readonly Check[]> {
  if (dataDir === null) return [];
  for (let folder = dataDir; ; folder = dirname(folder)) {
    try {
      await access(folder, constants.W_OK | constants.X_OK);
      return [ok('data folder', folder === dataDir ? dataDir : `${dataDir} can be created`)];
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (isMissing && folder !== dirname(folder)) continue;
      return [
        broken(
          'data folder',
          `${folder} cannot be written: ${oneLineOf(error)}`,
          'set DATA_DIR to a folder that can be written',
        ),
      ];
    }
  }
}

/** @param aheadMs `null`: that clock was not asked, so there is nothing to say */
function checkClock(whose: string, aheadMs: number | null): readonly Check[] {
  if (aheadMs === null) return [];
  const seconds = Math.round(Math.abs(aheadMs) / 100) / 10;
  const name = `clock of ${whose}`;
  if (Math.abs(aheadMs) <= clockWarnMs) return [ok(name, 'agrees with the clock of this machine')];
  const detail = `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the clock of this machine`;
  const remedy = 'set the clocks by NTP';
  return [Math.abs(aheadMs) <= clockBrokenMs ? warn(name, detail, remedy) : broken(name, detail, remedy)];
}
