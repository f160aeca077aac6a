import type { Call } from './cpu-profile';

const [width, rowHeight] = [1_200, 17];
/** Of the whole, the least that is drawn. */
const partMin = 0.002;
/** About how wide a letter is. */
const letterWidth = 6.2;

/** A flame graph: as wide as the time that a call took, what it called above it; a name in full where one points. */
export function drawFlames(tree: Call): string {
  const drawn: { readonly call: Call; readonly x: number; readonly depth: number }[] = [];
  const place = (call: Call, x: number, depth: number): void => {
    drawn.push({ call, x, depth });
    let left = x;
    for (const each of [...call.calls.values()].sort((a, b) => b.total - a.total)) {
      if (each.total < partMin * tree.total) continue;
      place(each, left, depth + 1);
      left += each.total;
    }
  };
  place(tree, 0, 0);
  const height = rowHeight * (1 + Math.max(...drawn.map(({ depth }) => depth)));
  const scale = width / tree.total;
  const boxes = drawn.map(({ call, x, depth }) => {
    const [left, top, wide] = [x * scale, height - rowHeight * (depth + 1), call.total * scale];
    const share = ((100 * call.total) / tree.total).toFixed(1);
    const shown = call.name.slice(0, Math.max(0, Math.floor(wide / letterWidth) - 1));
    return `<g><title>${escaped(call.name)}: ${share} %</title><rect x="${left.toFixed(1)}" y="${top}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" fill="hsl(${hueOf(call.name)},70%,72%)"/><text x="${(left + 2).toFixed(1)}" y="${top + 12}">${escaped(shown)}</text></g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="10">
${boxes.join('\n')}
</svg>
`;
}

/** Warm colours, the same for the same name. */
function hueOf(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (31 * sum + (letter.codePointAt(0) ?? 0)) % 55;
  return sum;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
