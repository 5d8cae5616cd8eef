/** What a host printed is data: nothing in it ends a line, moves a cursor or a header. */
export function oneLine(text: string, most: number): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 3)}...`;
}
