/** An entry of the log, as pino writes it. */
export type LogEntry = Readonly<Record<string, unknown>>;

const LEVELS: Readonly<Record<number, readonly [name: string, colour: string]>> = {
  10: ['TRACE', '90'],
  20: ['DEBUG', '90'],
  30: ['INFO ', '32'],
  40: ['WARN ', '33'],
  50: ['ERROR', '31'],
  60: ['FATAL', '31'],
};

const UNSHOWN: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'context', 'err', 'stack']);

/**
 * An entry of the log for people: time (UTC), level, who writes, what, and further fields; below it the stack, where it has one.
 *
 * Every control character of a value is shown escaped, so that no value can forge a line or command the terminal.
 */
export function prettyLine(entry: LogEntry, hasColours: boolean): string {
  const [name, colour] = LEVELS[Number(entry['level'])] ?? ['     ', '0'];
  const level = hasColours ? `\x1b[${colour}m${name}\x1b[0m` : name;
  const time = textOf(entry['time']).slice(11, 19);
  const context = textOf(entry['context']);
  const fields = Object.entries(entry)
    .filter(([field]) => !UNSHOWN.has(field))
    .map(([field, value]) => `${field}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const head = [time, level, ...(context === '' ? [] : [`${context}:`]), textOf(entry['msg']), ...fields]
    .map((part) => (part === level ? part : escapeControls(part)))
    .filter((part) => part !== '')
    .join(' ');
  const stack = stackOf(entry)
    .split('\n')
    .filter((line) => line !== '');
  return [head, ...stack.map((line) => `    ${escapeControls(line.trim())}`)].join('\n');
}

function stackOf({ err, stack }: LogEntry): string {
  if (typeof stack === 'string') return stack;
  return typeof err === 'object' && err !== null && 'stack' in err ? textOf(err.stack) : '';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** As JSON escapes them; what is invisible or turns the direction of text, too. */
function escapeControls(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
