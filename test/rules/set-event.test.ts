import { SetChanges } from '../../src/matching/set-changes';
import { eventOfSet, namedContactsMax, type SetState } from '../../src/matching/set-event.rule';

const state = (more: Partial<SetState> = {}): SetState => ({
  status: 'open',
  contactIds: ['A', 'B'],
  reasons: ['email'],
  resolvedBy: null,
  ...more,
});
const resolved = state({ status: 'resolved', resolvedBy: { type: 'scan' } });
const typeOf = (before: SetState | null, after: SetState): string | null =>
  eventOfSet('project', '7', before, after)?.type ?? null;

describe('eventOfSet', () => {
  it.each<[string, SetState | null, SetState, string | null]>([
    ['a new set', null, state(), 'duplicate.opened'],
    ['a new set of unknown contacts', null, state({ status: 'unknown-members' }), null],
    ['contacts that are known now', state({ status: 'unknown-members' }), state(), 'duplicate.opened'],
    ['a set that was never open, and is over', state({ status: 'unknown-members' }), resolved, null],
    ['a set that came and went', null, resolved, null],
    ['another contact', state(), state({ contactIds: ['A', 'C'] }), 'duplicate.changed'],
    ['another reason', state(), state({ reasons: ['phone'] }), 'duplicate.changed'],
    ['the same', state(), state(), null],
    ['a snooze', state(), state({ status: 'snoozed' }), null],
    ['the end of a snooze', state({ status: 'snoozed' }), state(), 'duplicate.reopened'],
    ['a dismissal', state({ status: 'snoozed' }), state({ status: 'dismissed' }), 'duplicate.dismissed'],
    ['another dismissal', state({ status: 'dismissed' }), state({ status: 'dismissed' }), null],
    ['a dismissal taken back', state({ status: 'dismissed' }), state(), 'duplicate.reopened'],
    ['the end of a dismissed set', state({ status: 'dismissed' }), resolved, 'duplicate.resolved'],
    ['the end', state(), resolved, 'duplicate.resolved'],
  ])('of %s', (_, before, after, type) => {
    expect(typeOf(before, after)).toBe(type);
  });

  it('names a thousand contacts at most, and is ordered by those', () => {
    const contactIds = Array.from({ length: 2_000 }, (_, n) => `contact-${n}`);
    const event = eventOfSet('project', '7', state(), state({ contactIds }));
    expect(event?.keys).toEqual(contactIds.slice(0, namedContactsMax));
    expect(event?.data['contact_ids']).toEqual(contactIds.slice(0, namedContactsMax));
  });
});

describe('SetChanges', () => {
  it('make one event of all that a transaction does to a set', () => {
    const changes = new SetChanges();
    changes.note('1', state({ status: 'dismissed' }), state());
    changes.note('2', null, state());
    changes.note('1', state(), state({ contactIds: ['A', 'B', 'C'] }));
    changes.note('2', state(), resolved);
    changes.note('3', state(), state({ contactIds: ['A'] }));
    changes.note('3', state({ contactIds: ['A'] }), state());
    expect(changes.eventsOf('project')).toEqual([
      {
        projectId: 'project',
        type: 'duplicate.reopened',
        subject: '1',
        keys: ['A', 'B', 'C'],
        data: { duplicate_id: '1', contact_ids: ['A', 'B', 'C'], reasons: ['email'], resolved_by: null },
      },
    ]);
  });
});
