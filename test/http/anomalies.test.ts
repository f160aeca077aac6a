import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, type Project } from '../support/http/app';
import type { AnomalyObject } from '../../src/contacts/merges/anomalies.dto';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const anomaliesOf = async (project: Project, query = ''): Promise<readonly AnomalyObject[]> =>
  (await project.read<{ anomalies: AnomalyObject[] }>(`/anomalies${query}`)).anomalies;
const merge = (project: Project, loser: string, survivor: string, seconds: number): Promise<Buffer> =>
  project.tell({ merge: { survivor: contact(survivor), loser: contact(loser) } }, at(seconds));

describe('Anomalies', () => {
  it('are none where everything goes together, late events and repetitions included', async () => {
    const project = app.project();
    await merge(project, 'A', 'B', 10);
    await merge(project, 'A', 'B', 20);
    await merge(project, 'B', 'C', 30);
    await project.tell({ update: contact('A') }, at(5));
    await project.tell({ update: contact('A') }, at(10));
    await project.tell({ delete: contact('D') }, at(10));
    await project.tell({ delete: contact('D') }, at(20));
    expect(await project.read('/anomalies')).toEqual({ anomalies: [], next_page_token: '' });
  });

  it('are merge cycles, losers merged into two survivors, and contacts updated after they were merged or deleted', async () => {
    const project = app.project();
    await merge(project, 'Z', 'X', 1);
    await merge(project, 'X', 'Y', 2);
    await merge(project, 'Y', 'Z', 3);
    await merge(project, 'L', 'S', 4);
    await merge(project, 'L', 'R', 5);
    await project.tell({ delete: contact('D') }, at(6));
    await project.tell({ create: contact('D') }, at(7));
    await project.tell({ update: contact('L') }, at(8));
    const expected = [
      {
        kind: 'merge-cycle',
        contact_id: 'X',
        contact_ids: ['X', 'Y', 'Z'],
        detail: '3 contacts form a merge cycle, so none of them is the survivor.',
      },
      {
        kind: 'merged-twice',
        contact_id: 'L',
        contact_ids: ['L', 'R', 'S'],
        detail: 'The contact was merged into 2 contacts; the earliest of these merges is believed.',
      },
      {
        kind: 'webhook-after-delete',
        contact_id: 'D',
        contact_ids: ['D'],
        detail: expect.stringContaining('deleted at 2024-06-15T14:00:06.000000Z'),
      },
      { kind: 'webhook-after-delete', contact_id: 'L', contact_ids: ['L', 'S'], detail: expect.any(String) },
      // merged at 1 s, and the survivor of another merge at 3 s; so were the others
      { kind: 'webhook-after-delete', contact_id: 'Z', contact_ids: ['Z', 'X'], detail: expect.any(String) },
    ];
    expect(await anomaliesOf(project)).toEqual(expected);
    expect(await anomaliesOf(project, '?kind=merged-twice')).toEqual([expected[1]]);
    for (const page_size of ['1', '2', '4']) {
      const pages = await project.pages('/anomalies', 'anomalies', { page_size });
      expect(pages.flat()).toEqual(expected);
    }
    expect(
      await project.pages('/anomalies', 'anomalies', { page_size: '1', kind: 'webhook-after-delete' }),
    ).toEqual(expected.slice(2).map((each) => [each]));
  });

  it('show 50 contacts of a circle, and how many there are', async () => {
    const project = app.project();
    for (let n = 0; n < 60; n++) await merge(project, `c${n + 10}`, `c${((n + 1) % 60) + 10}`, n);
    const [cycle] = await anomaliesOf(project, '?kind=merge-cycle');
    expect(cycle?.contact_ids).toEqual(Array.from({ length: 50 }, (_, n) => `c${n + 10}`));
    expect(cycle?.detail).toMatch(/^60 contacts /);
  });

  it('are not snapshots inside deletes and of losers, however late', async () => {
    const project = app.project();
    await project.tell({ delete: contact('A') }, at(1));
    await project.tell({ delete: contact('A') }, at(9));
    await merge(project, 'B', 'C', 1);
    await merge(project, 'B', 'C', 9);
    await project.tell({ delete: contact('B') }, at(20));
    expect(await anomaliesOf(project)).toEqual([]);
  });

  it('are asked for by known kinds and tokens alone', async () => {
    const project = app.project();
    expectProblem(await project.get('/anomalies?kind=odd'), 400, 'invalid-request');
    expectProblem(await project.get('/anomalies?type=merged-twice'), 400, 'unknown-parameter');
    await merge(project, 'L', 'S', 4);
    await merge(project, 'L', 'R', 5);
    await merge(project, 'K', 'R', 5);
    await merge(project, 'K', 'S', 5);
    const { next_page_token: token } = await project.read<{ next_page_token: string }>(
      '/anomalies?page_size=1&kind=merged-twice',
    );
    expect(await anomaliesOf(project, `?kind=merged-twice&page_token=${token}`)).toHaveLength(1);
    expectProblem(await project.get(`/anomalies?page_token=${token}`), 400, 'page-token-mismatch');
  });
});
