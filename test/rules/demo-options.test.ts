import { readDemoOptions } from '../../simulator/demo/options';

describe('the options of the demo', () => {
  it('have defaults that keep away from real data', () => {
    const { seed, ...options } = readDemoOptions({ DEMO_SEED: '', DATA_DIR: '' });
    expect(options).toMatchObject({ dialsPercent: 0, lifeSeconds: null, adminApiKey: null });
    expect(options.dataDir).toMatch(/data.demo$/);
    expect(Number.isInteger(seed)).toBe(true);
  });

  it('are taken from the environment, and refused where they make no sense', () => {
    const given = {
      DEMO_SEED: '7',
      DEMO_DIALS: '10',
      DEMO_SECONDS: '600',
      DATA_DIR: '/d',
      ADMIN_API_KEY: 'k',
    };
    expect(readDemoOptions(given)).toEqual({
      seed: 7,
      dialsPercent: 10,
      lifeSeconds: 600,
      dataDir: '/d',
      adminApiKey: 'k',
    });
    for (const DEMO_DIALS of ['101', '-1', 'ten', '1e1'])
      expect(() => readDemoOptions({ DEMO_DIALS })).toThrow(/DEMO_DIALS/);
  });
});
