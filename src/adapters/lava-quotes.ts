/**
 * A text in quotes that goes on in lines which stand further left than YAML wants; readers in Python take them. Gives
 * the same file with those lines moved to the right, which changes nothing of what the text says; undefined where the
 * quote that begins at `offset` never ends.
 */
export function movedRight(text: string, offset: number): string | undefined {
  const whole = text[offset] === '"' ? /"(?:[^"\\]|\\[\s\S])*"/y : /'(?:[^']|'')*'/y;
  whole.lastIndex = offset;
  const quoted = whole.exec(text)?.[0];
  if (quoted === undefined) return undefined;
  const column = offset - (text.lastIndexOf('\n', offset - 1) + 1);
  const moved = quoted.replaceAll('\n', `\n${' '.repeat(column + 1)}`);
  return text.slice(0, offset) + moved + text.slice(offset + quoted.length);
}

/** Whether a piece of a file begins a text in quotes and does not end it. */
export function isUnclosed(piece: string): boolean {
  if (piece.startsWith('"')) return !/^"(?:[^"\\]|\\[\s\S])*"$/.test(piece);
  return piece.startsWith("'") && !/^'(?:[^']|'')*'$/.test(piece);
}
