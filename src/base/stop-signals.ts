/** Ctrl-C reaches us twice under npm: from the terminal, and from npm, which passes it on. */
const sameSignalMs = 500;

/** Handles signals that end the process, but not one that arrives once more within half a second. */
export function eachSignalOnce(handle: (signal: NodeJS.Signals) => void): NodeJS.SignalsListener {
  let handledAt = Number.NEGATIVE_INFINITY;
  return (signal) => {
    const now = performance.now();
    if (now - handledAt <= sameSignalMs) return;
    handledAt = now;
    handle(signal);
  };
}
