/** Loads what `up` and `executor` need and no other command does: Nest, TypeORM, pg. */
export const gridProcess = () => import('../main.js');

/** Settles when the person asks to end: Ctrl-C or SIGTERM. A second time ends at once. */
export function askedToEnd(note: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    let times = 0;
    const end = () => {
      times += 1;
      if (times > 1) process.exit(130);
      note('ending; once more ends at once');
      resolve();
    };
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
  });
}
