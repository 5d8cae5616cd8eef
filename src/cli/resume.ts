import type { Setting } from './setting.js';

/** Takes a halt back. */
export async function resume({ client, screen, json }: Setting, why: string): Promise<number> {
  const grid = await client.resume(why);
  if (json) screen.json(grid);
  else screen.line(`the grid is ${grid.state}; ${grid.runs.waiting} wait, ${grid.runs.held} are held`);
  return 0;
}
