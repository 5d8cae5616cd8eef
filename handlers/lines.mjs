import { createInterface } from 'node:readline';

/** Says one line to the grid. */
export function say(word) {
  process.stdout.write(`${JSON.stringify(word)}\n`);
}

/** Calls `act` with each piece of news in turn, and says when that is done. Ends with its input. */
export async function serve(act) {
  for await (const line of createInterface({ input: process.stdin })) {
    const news = JSON.parse(line);
    await act(news);
    say({ done: news.id });
  }
  process.exit(0);
}
