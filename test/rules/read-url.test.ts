import { readUrl } from '../../src/base/read-url.rule';

it('reads a URL with letters beyond ASCII however often it was asked for others', () => {
  const counts = { read: 0, refused: 0 };
  for (let n = 0; n < 30_000; n++) {
    readUrl(`https://example.com/${n % 7}`);
    if (n % 10 === 0) counts[readUrl('https://bücher.example/') === null ? 'refused' : 'read'] += 1;
  }
  expect(counts).toEqual({ read: 3_000, refused: 0 });
});

it.each(['', 'example.com', '//example.com', 'https://', 'https://256.256.256.256/'])(
  'does not read %j as a URL',
  (text) => {
    expect(readUrl(text)).toBeNull();
  },
);
