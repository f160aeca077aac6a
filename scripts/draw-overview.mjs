/** The picture of the README: how callbacks become contacts that can be read. Once for light pages, once for dark ones. */

const THEMES = {
  light: {
    text: '#1f2328',
    muted: '#59636e',
    box: '#ffffff',
    edge: '#8c959f',
    accent: '#0969da',
    store: '#ddf4ff',
  },
  dark: {
    text: '#f0f6fc',
    muted: '#9198a1',
    box: '#0d1117',
    edge: '#656c76',
    accent: '#4493f8',
    store: '#121d2f',
  },
};

const width = 880;
const height = 300;

/** Boxes by their upper left corner; `store` ones are tables in Postgres. */
const BOXES = [
  { x: 10, y: 105, w: 140, h: 90, title: 'Sinch', lines: ['Conversation API', 'of your projects'] },
  {
    x: 250,
    y: 20,
    w: 150,
    h: 80,
    title: 'Webhook',
    lines: ['checks the signature,', 'answers after commit'],
  },
  { x: 250, y: 200, w: 150, h: 80, title: 'Sync', lines: ['backfill, reconcile,', 'merge'] },
  { x: 480, y: 20, w: 150, h: 80, title: 'Journal', lines: ['every event,', 'append-only'], store: true },
  { x: 480, y: 200, w: 150, h: 80, title: 'Mirror', lines: ['contacts as they', 'are now'], store: true },
  {
    x: 710,
    y: 105,
    w: 160,
    h: 90,
    title: 'REST',
    lines: ['contacts, history, feed,', 'duplicates, audit log'],
  },
];

/** Arrows by their two ends, with a label. */
const ARROWS = [
  { from: [150, 130], to: [250, 60], label: 'callbacks', at: [188, 82] },
  { from: [250, 240], to: [150, 170], label: 'asks', at: [188, 222] },
  { from: [400, 60], to: [480, 60], label: '', at: [0, 0] },
  { from: [400, 225], to: [480, 80], label: '', at: [0, 0] },
  { from: [555, 100], to: [555, 200], label: 'one transaction', at: [612, 155] },
  { from: [630, 60], to: [710, 130], label: '', at: [0, 0] },
  { from: [630, 240], to: [710, 170], label: '', at: [0, 0] },
];

export function overviewPicture(theme) {
  const { text, muted, box, edge, accent, store } = THEMES[theme];
  const boxes = BOXES.flatMap(({ x, y, w, h, title, lines, store: isStore }) => [
    `<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="8" fill="${isStore ? store : box}" stroke="${isStore ? accent : edge}" stroke-width="1.5"/>`,
    `<text x="${x + w / 2}" y="${y + 28}" fill="${text}" font-size="16" font-weight="600">${title}</text>`,
    ...lines.map(
      (line, n) =>
        `<text x="${x + w / 2}" y="${y + 49 + 17 * n}" fill="${muted}" font-size="12.5">${line}</text>`,
    ),
  ]);
  const arrows = ARROWS.flatMap(({ from, to, label, at }) => [
    `<line x1="${from[0]}" y1="${from[1]}" x2="${to[0]}" y2="${to[1]}" stroke="${edge}" stroke-width="1.5" marker-end="url(#head)"/>`,
    ...(label === ''
      ? []
      : [`<text x="${at[0]}" y="${at[1]}" fill="${muted}" font-size="12.5">${label}</text>`]),
  ]);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" text-anchor="middle" role="img" aria-label="Sinch sends callbacks to the webhook, and the service asks Sinch. Both write journal and mirror in one transaction. REST reads them.">`,
    `<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="${edge}"/></marker></defs>`,
    ...boxes,
    ...arrows,
    '</svg>',
  ].join('\n')}\n`;
}
