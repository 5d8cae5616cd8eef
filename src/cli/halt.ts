import type { Setting } from './setting.js';

/** Halts the grid: it starts nothing more until it is resumed. */
export async function halt(
  { client, screen, json }: Setting,
  options: { readonly why: string; readonly kill?: boolean },
): Promise<number> {
  const grid = await client.halt(options.why, options.kill ? 'kill' : 'drain');
  if (json) screen.json(grid);
  else
    screen.line(
      `the grid is ${grid.state}; ${grid.runs.running} running ${options.kill ? 'are stopped and run again after the resume' : 'may end'}, ${grid.runs.waiting} wait`,
    );
  return 0;
}
