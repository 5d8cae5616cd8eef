/** Whether a text fits a pattern: `*` stands for anything, `?` for one character, the rest for itself. */
export function fitsGlob(text: string, pattern: string): boolean {
  // Greedy, with the last star alone to go back to: no pattern takes longer than the product of both lengths.
  let [at, from, star, seen] = [0, 0, -1, 0];
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at++;
      seen = from;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[from])) {
      at++;
      from++;
    } else if (star >= 0) {
      at = star + 1;
      from = ++seen;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
