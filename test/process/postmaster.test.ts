import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPostmaster } from '../../src/database/embedded/postmaster';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mirror-postmaster-'));
  file = join(dir, 'postmaster.pid');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const contentOf = (pid: number): string => `${pid}\n${dir}\n1718460000\n5432\n\n127.0.0.1\n`;

describe('A postmaster.pid', () => {
  it('that names a process which is no Postgres, even one in the same folder, is removed', async () => {
    const foreign = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { cwd: dir });
    await once(foreign, 'spawn');
    writeFileSync(file, contentOf(foreign.pid ?? 0));
    expect([await findPostmaster(dir), existsSync(file)]).toEqual([null, false]);
    foreign.kill();
    await once(foreign, 'exit');
  });

  it('that is empty is removed once it is no file that a server is just making', async () => {
    writeFileSync(file, '');
    expect([await findPostmaster(dir), existsSync(file)]).toEqual([null, true]);
    utimesSync(file, new Date(), new Date(Date.now() - 60_000));
    expect([await findPostmaster(dir), existsSync(file)]).toEqual([null, false]);
  });

  it('that names a dead process stays, for Postgres to find its children', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    writeFileSync(file, contentOf(dead.pid ?? 0));
    expect([await findPostmaster(dir), existsSync(file)]).toEqual([null, true]);
  });
});
