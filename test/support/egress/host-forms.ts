/** The usual text of an IPv4 address. */
export function dotted(bits: number): string {
  return partsOf(bits).join('.');
}

/** The usual text of an IPv6 address, of eight groups, without `::`. */
export function grouped(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

/** Texts that mean this IPv4 address to a resolver or a URL parser, its usual one included. */
export function ipv4Forms(bits: number): readonly string[] {
  const parts = partsOf(bits);
  const [a, b, c, d] = parts;
  const octal = (part: number): string => `0${part.toString(8)}`;
  const hex = (part: number): string => `0x${part.toString(16)}`;
  return [
    dotted(bits),
    `${dotted(bits)}.`,
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${bits % 2 ** 24}`,
    `${bits}`,
    `${bits}.`,
    hex(bits),
    hex(bits).toUpperCase(),
    octal(bits),
    `000000000${bits.toString(8)}`,
    parts.map(octal).join('.'),
    parts.map(hex).join('.'),
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    `${octal(a)}.${hex(bits % 2 ** 24)}`,
    parts.map((part) => `0x0000${part.toString(16)}`).join('.'),
    `[::ffff:${dotted(bits)}]`,
  ];
}

/** Texts that only a URL parser reads as this address: wide digits, other full stops, escapes. */
export function urlForms(bits: number): readonly string[] {
  const wide = dotted(bits).replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
  return [
    wide,
    dotted(bits).replaceAll('.', '\u3002'),
    dotted(bits).replaceAll('.', '\uff0e'),
    dotted(bits).replaceAll(/\d/g, (digit) => `%3${digit}`),
  ];
}

/** IPv6 addresses that lead to this IPv4 address, or stand for it. None of them is ever public. */
export function ipv6Forms(bits: number): readonly string[] {
  const [high, low] = [Math.floor(bits / 2 ** 16), bits % 2 ** 16];
  const [h, l] = [high.toString(16), low.toString(16)];
  return [
    `::ffff:${dotted(bits)}`,
    `::ffff:${h}:${l}`,
    `0:0:0:0:0:ffff:${h}:${l}`,
    `0000:0000:0000:0000:0000:FFFF:${dotted(bits)}`,
    `::${dotted(bits)}`,
    `::ffff:0:${dotted(bits)}`,
    `64:ff9b::${dotted(bits)}`,
    `64:ff9b:1::${dotted(bits)}`,
    `2002:${h}:${l}::`,
    `2002:${h}:${l}:0:1:2:3:4`,
    `2001:0:${h}:${l}::1`,
    `2001::${(high ^ 0xffff).toString(16)}:${(low ^ 0xffff).toString(16)}`,
    `fe80::5efe:${dotted(bits)}`,
  ];
}

function partsOf(bits: number): [number, number, number, number] {
  return [Math.floor(bits / 2 ** 24), (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255];
}
