/** What a line printed by the scripts of a LAVA definition says as a signal. */
export type PrintedSignal =
  | {
      readonly kind: 'case';
      readonly name: string;
      readonly result: string;
      readonly measurement: string;
      readonly units: string;
    }
  | { readonly kind: 'start' | 'end'; readonly name: string }
  /** '': the set ends. */
  | { readonly kind: 'set'; readonly name: string }
  | { readonly kind: 'reference'; readonly name: string; readonly result: string; readonly url: string }
  | { readonly kind: 'raise'; readonly message: string };

/**
 * Reads `<LAVA_SIGNAL_...>` in a printed line; undefined: there is none that says anything of a case. A line in which a
 * shell traces what it is about to print is not that print.
 */
export function printedSignal(line: string): PrintedSignal | undefined {
  if (/^\++ /.test(line)) return undefined;
  const match = /<LAVA_SIGNAL_([A-Z]+) ([^>]*)>/.exec(line);
  if (match === null) return undefined;
  const [, word = '', text = ''] = match;
  const words = text.trim().split(/\s+/);
  const [first = '', second = '', third = ''] = words;
  switch (word) {
    case 'STARTTC':
      return named(first, { kind: 'start', name: first });
    case 'ENDTC':
      return named(first, { kind: 'end', name: first });
    case 'TESTCASE':
      return testCase(words);
    case 'TESTSET':
      if (first === 'STOP') return { kind: 'set', name: '' };
      return first === 'START' ? named(second, { kind: 'set', name: second }) : undefined;
    case 'TESTREFERENCE':
      return named(first, { kind: 'reference', name: first, result: second, url: third });
    case 'TESTRAISE':
      return { kind: 'raise', message: text.trim() };
    default:
      return undefined;
  }
}

function named(name: string, signal: PrintedSignal): PrintedSignal | undefined {
  return name === '' ? undefined : signal;
}

function testCase(words: readonly string[]): PrintedSignal | undefined {
  const said = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at > 0) said.set(word.slice(0, at), word.slice(at + 1));
  }
  const name = said.get('TEST_CASE_ID') ?? '';
  const of = (key: string) => said.get(key) ?? '';
  const [result, measurement, units] = [of('RESULT'), of('MEASUREMENT'), of('UNITS')];
  return named(name, { kind: 'case', name, result, measurement, units });
}
