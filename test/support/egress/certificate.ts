import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Whether certificates can be made here: without openssl their tests are skipped, but never in CI. */
export const canMakeCertificates =
  process.env['CI'] !== undefined || spawnSync('openssl', ['version']).status === 0;

/**
 * A certificate that is its own authority, valid for a day.
 *
 * @param name DNS name or IP address, as openssl has it: `DNS:example.com`, `IP:127.0.0.1`
 * @throws Error when openssl is not installed
 */
export function makeCertificate(name: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'mirror-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const command = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=test -addext subjectAltName=${name}`;
  const { status, stderr } = spawnSync('openssl', [...command.split(' '), '-keyout', key, '-out', cert], {
    encoding: 'utf8',
  });
  try {
    if (status !== 0) throw new Error(`openssl made no certificate: ${stderr}`);
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
