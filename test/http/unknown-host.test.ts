import { Writable } from 'node:stream';
import { pino } from 'pino';
import { Config, loadConfig } from '../../src/config/config';
import { NestLog } from '../../src/logging';
import { Service } from '../../src/service';

it('says again and again why it waits for a host that is unknown, and what to check', async () => {
  const said: string[] = [];
  let heard = (): void => undefined;
  const log = pino(
    { level: 'warn', base: null },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        said.push((JSON.parse(chunk.toString()) as { msg: string }).msg);
        heard();
        done();
      },
    }),
  );
  const url = 'postgres://mirror@no-such-host.invalid/mirror';
  const given = loadConfig({ DATABASE_URL: url, SINCH_WEBHOOK_SECRETS: 's', ADMIN_API_KEY: 'k'.repeat(32) });
  const config = new Config(given, { webhookSecret: null, adminApiKey: null, outwardKey: null });
  const service = await Service.create(config, { owner: url, service: url }, new NestLog(log));
  const stopping = new AbortController();
  const saidTwice = new Promise<void>((resolve) => {
    heard = () => {
      if (said.length >= 2) resolve();
    };
  });
  const started = service.start(stopping.signal, 0).catch(() => 'stopped');
  await Promise.race([saidTwice, started]);
  stopping.abort();
  expect(await started).toBe('stopped');
  await service.stop(1_000);
  for (const line of said)
    expect(line).toMatch(
      /^Cannot connect to Postgres to migrate the database; will retry: .*(?:ENOTFOUND|EAI_AGAIN).*\. The host in DATABASE_URL (?:is unknown|could not be looked up): check its name/,
    );
  expect(said.length).toBeGreaterThanOrEqual(2);
});
