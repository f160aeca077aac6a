import { readFileSync } from 'node:fs';
import { commandLine, inContainer } from '../../src/base/command-line.rule';

it('runs a command by npm in a checkout, and by the program mirror in a container', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  expect(scripts).toHaveProperty('mirror');
  expect(commandLine(null, 'keys list')).toBe('npm run mirror -- keys list');
  expect(readFileSync('Dockerfile', 'utf8')).toContain('/usr/local/bin/mirror');
  expect(commandLine('0123abcd', 'keys list')).toBe('docker exec 0123abcd mirror keys list');
});

it('runs what reads files of the service where these files are', () => {
  expect(inContainer(null, 'cat /data/x')).toBe('cat /data/x');
  expect(inContainer('0123abcd', 'cat /data/x')).toBe('docker exec 0123abcd cat /data/x');
});
