import { readPlace } from '../../src/database/embedded/postmaster';

const HOST = '/tmp/mirror-data/postgres';

it('reads where a server listens from a whole file alone, however much of it has been read', () => {
  const file = `4711\n/tmp/mirror-data/postgres\n1764412345\n5432\n${HOST}\n\n 12345 0\nready   \n`;
  const whole = { host: HOST, port: 5432 };
  expect(readPlace(file)).toEqual(whole);
  const places = Array.from(file, (_, end) => readPlace(file.slice(0, end)));
  expect(places.filter((place) => place !== null && place.host !== HOST)).toEqual([]);
  expect(places.at(-1)).toEqual(whole);
});
