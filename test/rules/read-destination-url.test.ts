import fc from 'fast-check';
import { isPublic } from '../../src/egress/is-public.rule';
import { readDestinationUrl, urlLengthMax } from '../../src/egress/read-destination-url.rule';
import { readHost } from '../../src/egress/read-host.rule';
import { dotted, ipv4Forms, ipv6Forms, urlForms } from '../support/egress/host-forms';
import { runs } from '../support/runs';

/** The normal form, or the code of the refusal. */
function read(text: string, isHttpAllowed = false): string {
  const reading = readDestinationUrl(text, isHttpAllowed);
  return reading.kind === 'destination' ? reading.url : reading.code;
}

/** The host as it is connected to. */
function hostIn(text: string): string | null {
  const reading = readDestinationUrl(text, false);
  if (reading.kind !== 'destination') return null;
  return reading.host.kind === 'name' ? reading.host.name : reading.host.address.text;
}

describe('The URL of a destination', () => {
  it.each([
    ['https://example.com', 'https://example.com/'],
    ['https://example.com/hooks?tenant=7', 'https://example.com/hooks?tenant=7'],
    ['HTTPS://Example.COM:443/Hooks', 'https://example.com/Hooks'],
    ['https://example.com.:8443/', 'https://example.com:8443/'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://BÜCHER.example./', 'https://xn--bcher-kva.example/'],
    ['https://my_hooks.example.com:1024/', 'https://my_hooks.example.com:1024/'],
    ['https://intranet:65535/', 'https://intranet:65535/'],
    ['https://0x08080808/', 'https://8.8.8.8/'],
    ['https://[2606:4700:4700:0:0:0:0:1111]/', 'https://[2606:4700:4700::1111]/'],
    ['https://example.com/?at=a@b', 'https://example.com/?at=a@b'],
  ])('%s is %s', (text, url) => {
    expect(read(text)).toBe(url);
    expect(read(url)).toBe(url);
  });

  it.each([
    ['', 'unreadable'],
    ['example.com/hooks', 'unreadable'],
    ['//example.com/hooks', 'unreadable'],
    ['https:example.com', 'unreadable'],
    ['https:/example.com', 'unreadable'],
    ['https:///example.com', 'unreadable'],
    ['https://', 'unreadable'],
    ['https:\\\\example.com', 'unreadable'],
    ['https://example.com\\@10.0.0.1/', 'unreadable'],
    [' https://example.com', 'unreadable'],
    ['https://example.com/a b', 'unreadable'],
    ['https://exam\tple.com/', 'unreadable'],
    ['https://example.com/\r\nHost: x', 'unreadable'],
    ['https://[::1', 'unreadable'],
    ['https://[fe80::1%25eth0]/', 'unreadable'],
    ['https://256.256.256.256/', 'unreadable'],
    ['https://example.1/', 'unreadable'],
    ['https://example.com:70000/', 'unreadable'],
    ['http://example.com:8080/', 'scheme'],
    ['ftp://example.com/', 'scheme'],
    ['file://example.com/etc/passwd', 'scheme'],
    ['gopher://example.com:8080/', 'scheme'],
    ['https://user@example.com/', 'user-info'],
    ['https://user:password@example.com/', 'user-info'],
    ['https://@example.com/', 'user-info'],
    ['https://:@example.com/', 'user-info'],
    ['https://example.com/#here', 'fragment'],
    ['https://example.com/#', 'fragment'],
    ['https://example.com../', 'host'],
    ['https://a..b/', 'host'],
    ['https://./', 'host'],
    ['https://-a.example/', 'host'],
    ["https://a'b.example/", 'host'],
    [`https://${'a'.repeat(64)}.example/`, 'host'],
    [`https://${'a.'.repeat(127)}example/`, 'host'],
    ['https://example.com:80/', 'port'],
    ['https://example.com:25/', 'port'],
    ['https://example.com:0/', 'port'],
    ['https://example.com:1023/', 'port'],
    [`https://example.com/${'a'.repeat(urlLengthMax)}`, 'too-long'],
    [`https://example.com/${'ü'.repeat(urlLengthMax / 4)}`, 'too-long'],
  ])('is not %j: %s', (text, code) => {
    expect(read(text)).toBe(code);
  });

  it('may be HTTP only where that is allowed, and then at no other ports', () => {
    expect(read('http://example.com:8080/', true)).toBe('http://example.com:8080/');
    expect(read('https://example.com/', true)).toBe('https://example.com/');
    expect(read('http://example.com:443/', true)).toBe('http://example.com:443/');
    expect(read('http://example.com/', true)).toBe('port');
    expect(readDestinationUrl('ftp://example.com/', true)).toMatchObject({
      reason: 'must begin with https:// or http://',
    });
  });

  it('has the port and whether there is TLS', () => {
    expect(readDestinationUrl('https://example.com/', false)).toMatchObject({ port: 443, isTls: true });
    expect(readDestinationUrl('http://example.com:8080/', true)).toMatchObject({ port: 8080, isTls: false });
  });

  it('shows the address behind every form of it', () => {
    const addresses = fc.oneof(fc.nat(2 ** 32 - 1), fc.constantFrom(0x7f000001, 0xa9fea9fe, 0x0a000001));
    fc.assert(
      fc.property(addresses, (bits) => {
        const forms = [...ipv4Forms(bits), ...urlForms(bits)].filter((form) => !form.startsWith('['));
        expect(forms.map((form) => hostIn(`https://${form}/`))).toEqual(forms.map(() => dotted(bits)));
        for (const form of ipv6Forms(bits)) {
          const reading = readDestinationUrl(`https://[${form}]/`, false);
          if (reading.kind !== 'destination' || reading.host.kind !== 'address') throw new Error(form);
          expect([form, isPublic(reading.host.address)]).toEqual([form, false]);
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it('in its normal form is read the same, and has the host that it was read with', () => {
    const texts = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string({ unit: fc.constantFrom(...'https:/[]@#?.%aü0x127 \\'), maxLength: 30 }),
      fc.domain().map((name) => `https://${name}`),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const reading = readDestinationUrl(text, true);
        if (reading.kind === 'refused') return;
        expect(readDestinationUrl(reading.url, true)).toEqual(reading);
        expect(readHost(new URL(reading.url).hostname)).toEqual(reading.host);
      }),
      { numRuns: runs(3_000) },
    );
  });
});

describe('A host', () => {
  it.each([
    ['Example.COM.', 'example.com'],
    ['localhost', 'localhost'],
    ['127.1', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['::1', '::1'],
    ['[::FFFF:127.0.0.1]', '::ffff:7f00:1'],
    ['１２７。0。0。1', '127.0.0.1'],
  ])('%s is %s', (text, host) => {
    const read_ = readHost(text);
    expect(read_?.kind === 'name' ? read_.name : read_?.address.text).toBe(host);
  });

  it.each([
    ...[
      '',
      '.',
      '/var/run/postgresql',
      'a:5432',
      'user@a',
      'a/b',
      'a?b',
      'a#b',
      'a b',
      'lo%63alhost',
      'a..b',
    ],
    ...[
      '::1%lo',
      '[::1]:80',
      '[]',
      '[127.0.0.1]',
      '1.2.3.256',
      'example.1',
      'a\0b',
      'a'.repeat(64),
      'a.'.repeat(200),
    ],
  ])('is not %j', (text) => {
    expect(readHost(text)).toBeNull();
  });
});
