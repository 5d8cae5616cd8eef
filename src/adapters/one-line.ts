const LONGEST = 300;

/** What others wrote, fit to be shown in a line: no control characters, and not without end; undefined: nothing is left. */
export function oneLine(text: string | undefined): string | undefined {
  const line = (text ?? '').replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  if (line === '') return undefined;
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 3)}...` : line;
}
