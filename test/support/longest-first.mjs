import { basename, dirname } from 'node:path';
import Sequencer from '@jest/test-sequencer';

/** Begins with the files that run others together: they take longest, and one that came last would run alone. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const isTogether = ({ path }) => basename(dirname(path)) === 'together';
    const sorted = super.sort(tests);
    return [...sorted.filter(isTogether), ...sorted.filter((test) => !isTogether(test))];
  }
}
