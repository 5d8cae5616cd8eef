/** Work done in one go before others get their turn, in milliseconds. */
const A_TURN_MS = 20;

/** What comes one by one at a cost, with pauses in which other requests are answered. */
export async function* inTurns<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  let since = performance.now();
  for (const item of items) {
    yield item;
    if (performance.now() - since < A_TURN_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  }
}
