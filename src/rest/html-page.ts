const STYLE = `body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.5rem;line-height:1.25}a{color:#0b57d0}li{margin:.25rem 0}
code{font:.9em ui-monospace,monospace;background:#eef1f4;padding:.1em .3em;border-radius:.2em;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{color:#e6e9ec;background:#15181c}a{color:#8ab4f8}code{background:#2a2f36}}`;

/**
 * A small page for browsers.
 *
 * @param title text
 * @param body HTML, whose texts went through `asHtml`
 */
export function htmlPage(title: string, body: string): string {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${asHtml(title)}</title><style>${STYLE}</style>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body><h1>${asHtml(title)}</h1>${body}</body></html>`;
}

/** Text as HTML shows it; what stands between backticks is shown as code. */
export function asHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/`([^`]*)`/g, '<code>$1</code>');
}

/** Whether a caller would rather have a page than JSON: browsers say so. */
export function wantsHtml(accept: string | undefined): boolean {
  return accept?.includes('text/html') === true;
}
