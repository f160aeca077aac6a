/** What the id of an outward event says: where the event is read from. */
export type EventIdReading =
  | {
      readonly stream: 'journal' | 'domain';
      readonly era: number;
      readonly id: string;
      readonly place: number;
    }
  | { readonly stream: 'snapshot'; readonly runId: string };

/** A journal event becomes one outward event for each place at most. */
export const placesMax = 8;

const EVENT_ID = /^(evt|dom)_(\d{1,9})_([1-9]\d{0,17})_(\d)$/;
const SNAPSHOT_ID = /^snp_([1-9]\d{0,17})_[0-9a-f]{16}$/;

/** Reads `evt_<era>_<id>_<place>`, `dom_<era>_<id>_0` or `snp_<run>_<digest>`; null for everything else, also for examples. */
export function readEventId(text: string): EventIdReading | null {
  const [, runId] = SNAPSHOT_ID.exec(text) ?? [];
  if (runId !== undefined) return { stream: 'snapshot', runId };
  const [, prefix, era, id, place] = EVENT_ID.exec(text) ?? [];
  if (era === undefined || id === undefined || Number(place) >= placesMax) return null;
  if (prefix === 'dom' && place !== '0') return null;
  return { stream: prefix === 'evt' ? 'journal' : 'domain', era: Number(era), id, place: Number(place) };
}

/** The ids of all outward events that an event of the journal may become. */
export function idsOfJournalEvent(era: number | string, id: string): readonly string[] {
  return Array.from({ length: placesMax }, (_, place) => `evt_${era}_${id}_${place}`);
}
