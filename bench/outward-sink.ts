import { createServer } from 'node:http';

/** What a sink took since it was last asked. */
export interface Taken {
  /** Deliveries by the id of their subscription. */
  readonly deliveries: Readonly<Record<string, number>>;
  /** Between the first of them and the last. */
  readonly ms: number;
}

/** The receiver of `npm run bench -- outward`: answers 204 to each POST, and to GET what it has taken since the last GET. */
const deliveries = new Map<string, number>();
let [firstMs, lastMs] = [0, 0];
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    const taken: Taken = { deliveries: Object.fromEntries(deliveries), ms: lastMs - firstMs };
    deliveries.clear();
    response.end(JSON.stringify(taken));
    return;
  }
  const subscription = String(request.headers['mirror-subscription']);
  request.resume().once('end', () => {
    lastMs = performance.now();
    if (deliveries.size === 0) firstMs = lastMs;
    deliveries.set(subscription, (deliveries.get(subscription) ?? 0) + 1);
    response.writeHead(204).end();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env['PORT']), '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object')
    process.stdout.write(`http://127.0.0.1:${address.port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
