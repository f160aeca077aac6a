/** Words that people type where a form wants something: they name nobody. In the spelling of `plainWord`. */
export const NOBODYS: ReadonlySet<string> = new Set(
  `test tests testing tester testuser testaccount testmail dummy placeholder default tba tbd todo guest guests gast invite
   invitado ospite anonymous anonym anonymous anon nobody noone somebody someone anybody anyone unknown unbekannt undefined
   unspecified unassigned unavailable null nil nan none na no nope non nein nothing empty blank missing invalid wrong fake false
   true yes ja oui si ok example sample demo temp tmp temporary foo bar baz foobar xxx random deleted removed
   refused declined walkin visitor noname noemail nomail noaddress noreply johndoe janedoe joebloggs mustermann musterfrau maxmustermann erikamustermann mickeymouse hanswurst
   spam junk trash delete blah bla blabla whatever fakemail name names firstname
   lastname surname vorname nachname prenom nom nomdefamille nombre apellido apellidos nome cognome sobrenome voornaam achternaam fullname yourname myname first last your my me you user users username myself hallo hello`.split(
    /\s+/,
  ),
);

/** Words that say what a thing is and not which one: they come before ids, and are no id. In the spelling of `plainWord`. */
export const KINDS: ReadonlySet<string> = new Set(
  `user users customer customers client clients kunde kunden cliente clientes contact contacts kontakt member members account
   accounts id ids uid web website internet online app mobile phone sms chat bot whatsapp telegram facebook instagram google
   apple email mail lead leads person people profile subscriber patient student employee staff agent admin owner import
   imported export migration migrated upload csv excel sheet shop store pos kiosk branch event campaign newsletter api
   integration system main primary other others misc various private business company retail wholesale new old vip cash
   record row entry order no nr num number`.split(/\s+/),
);

/** Words for what holds many people, or that many use: an id with one of them is not one person's, whatever else it has. */
export const GROUPS: ReadonlySet<string> = new Set(
  `import imports imported export migration upload csv excel sheet file batch job run list segment campaign newsletter event events
   group groups gruppe groupe grupo team teams department abteilung branch filiale sucursal store shop kiosk pos terminal
   device printer station server table room zimmer queue`.split(/\s+/),
);

const KEYBOARDS =
  'qwertyuiop qwertzuiop azertyuiop asdfghjkl qsdfghjklm zxcvbnm yxcvbnm wxcvbn abcdefghijklmnopqrstuvwxyz';
const ROWS: readonly string[] = KEYBOARDS.split(' ').flatMap((row) => [
  row,
  Array.from(row).reverse().join(''),
]);
const runLengthMin = 3;
const runLengthMax = 10;

/** Whether letters are side by side on a keyboard or in the alphabet, once or again and again: `asd`, `qweqwe`, `abcdef`. */
export function isKeyboardRun(word: string): boolean {
  let at = 0;
  while (at < word.length) {
    const run = runAt(word, at);
    if (run < runLengthMin) return false;
    at += run;
  }
  return word !== '';
}

/** The length of the longest run at a place; a run may not leave less than a run behind it. */
function runAt(word: string, at: number): number {
  for (let length = Math.min(runLengthMax, word.length - at); length >= runLengthMin; length--) {
    const run = word.slice(at, at + length);
    if (ROWS.some((row) => row.includes(run))) return length;
  }
  return 0;
}

/** Whether a text is one piece again and again: `aaa`, `123123`. @param pieceMax characters of the piece, at most */
export function isRepeated(text: string, pieceMax: number): boolean {
  const [, piece] = /^(.+?)\1+$/u.exec(text) ?? [];
  return piece !== undefined && piece.length <= pieceMax;
}

/** Sequences of digits on the keys of a telephone or a keyboard. */
const KEYPAD =
  /^(147258369|1472583690|147852|147258|258456|159753|159357|789456123|789456|456123|741852963|741852|1qaz2wsx)/;
/** The part of the steps from digit to digit that are alike in a sequence: a slip does not make it an id. */
const alikeStepsMin = 0.7;

/** Whether digits are counted, repeated or typed along the keys instead of assigned: `12345`, `0000`, `121212`, `147258`. */
export function isTypedDigits(digits: string): boolean {
  if (digits.length < 3) return true;
  const steps = Array.from(digits)
    .slice(1)
    .map((digit, at) => Number(digit) - Number(digits[at]));
  const isAlike = (step: number): boolean =>
    steps.filter((each) => (each - step + 10) % 10 === 0).length >= alikeStepsMin * steps.length;
  return (
    [-2, -1, 0, 1, 2].some(isAlike) ||
    steps.every((step) => Math.abs(step) <= 1) ||
    isRepeated(digits, 4) ||
    KEYPAD.test(digits)
  );
}

/** Longest word that is taken apart, in characters. */
const madeLengthMax = 64;

/** Whether a word is made of known words without anything between them: `salesteam`. */
export function isMadeOf(word: string, isKnown: (part: string) => boolean): boolean {
  if (word.length > madeLengthMax) return false;
  const ends = [true];
  for (let end = 1; end <= word.length; end++)
    ends.push(ends.some((isEnd, start) => isEnd && isKnown(word.slice(start, end))));
  return ends[word.length] === true;
}
