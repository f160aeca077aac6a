/** One level of an overload, in events a second. */
export interface Point {
  readonly capacity: number;
  readonly offeredPerSecond: number;
  readonly goodPerSecond: number;
}

const [width, height, margin] = [640, 360, 60];

/** A plot of goodput against offered load, both in parts of the capacity; the dashed line is 0.9 of it. */
export function plotGoodput(points: readonly Point[]): string {
  const spots = points.map(({ capacity, offeredPerSecond, goodPerSecond }) => ({
    offered: offeredPerSecond / capacity,
    good: goodPerSecond / capacity,
  }));
  const offeredMax = Math.ceil(Math.max(...spots.map(({ offered }) => offered)));
  const goodMax = Math.max(1.2, ...spots.map(({ good }) => good));
  const x = (offered: number): string => (margin + (offered / offeredMax) * (width - 2 * margin)).toFixed(1);
  const y = (good: number): string => (height - margin - (good / goodMax) * (height - 2 * margin)).toFixed(1);
  const text = (at: readonly [string, string], anchor: string, words: string): string =>
    `<text x="${at[0]}" y="${at[1]}" text-anchor="${anchor}">${words}</text>`;
  const lines = [
    `<path d="M${x(0)} ${y(goodMax)}V${y(0)}H${x(offeredMax)}" fill="none" stroke="#888"/>`,
    `<path d="M${x(0)} ${y(0.9)}H${x(offeredMax)}" stroke="#888" stroke-dasharray="4"/>`,
    `<polyline points="${spots.map(({ offered, good }) => `${x(offered)},${y(good)}`).join(' ')}" fill="none" stroke="#06c"/>`,
    ...spots.flatMap(({ offered, good }) => [
      `<circle cx="${x(offered)}" cy="${y(good)}" r="4" fill="#06c"/>`,
      text([x(offered), String(Number(y(good)) - 10)], 'middle', good.toFixed(2)),
    ]),
    ...Array.from({ length: offeredMax + 1 }, (_, n) =>
      text([x(n), String(height - margin + 18)], 'middle', `${n}`),
    ),
    text([String(width / 2), String(height - 15)], 'middle', 'offered, times the capacity'),
    text([String(margin), String(margin - 15)], 'start', 'committed and acknowledged, of the capacity'),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${lines.join('\n')}
</svg>
`;
}
