/** The head of an answer of HTTP, as far as it has come; null: it, or its body, has not come whole. */
export function wholeHead(answer: string): string | null {
  const headEnd = answer.indexOf('\r\n\r\n');
  const length = /^content-length: (\d+)\r$/im.exec(answer)?.[1];
  if (headEnd < 0 || answer.length < headEnd + 4 + Number(length ?? 0)) return null;
  return answer.slice(0, headEnd + 2);
}
