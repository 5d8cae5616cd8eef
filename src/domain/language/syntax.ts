import { Refused, type Sign, shown, type Token, tokens } from './tokens.js';

/** A word of a text and where in it; `quoted` words are never names or keywords. */
export type Word = Extract<Token, { kind: 'word' }>;

/** What a text says, before anybody asks what its names mean; `at` counts characters of the text from 0. */
export type Syntax =
  /** A name with what stands behind it. */
  | { readonly kind: 'item'; readonly name: Word; readonly parts: readonly Part[]; readonly at: number }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Syntax[]; readonly at: number }
  | { readonly kind: 'not'; readonly of: Syntax; readonly at: number };

/** One of the things that can stand behind a name. */
export type Part =
  /** `>= 5.4`, or `speed >= 10Gbit`; a second sign asks about the same thing: `speed >= 10Gbit < 40Gbit`. */
  | {
      readonly kind: 'test';
      readonly attribute?: Word;
      readonly operator: Sign;
      readonly value: Word;
      readonly at: number;
    }
  /** `10de:1b80`: an id, or a word too many. */
  | { readonly kind: 'word'; readonly word: Word; readonly at: number }
  /** `@ 01:00.0` */
  | { readonly kind: 'place'; readonly place: Word; readonly at: number }
  /** `x 2` */
  | { readonly kind: 'count'; readonly count: number; readonly at: number };

/** Most instances of a device that can be asked for. */
const MOST_COUNT = 1000;

/**
 * Reads a text of the requirement language by recursive descent; throws Refused. `not` binds closest, then `&`, then
 * `|`. Parentheses and `not` go `depth` deep at most.
 */
export function parse(text: string, depth: number): Syntax {
  const parser = new Parser(tokens(text));
  const tree = parser.any(depth);
  parser.end();
  return tree;
}

class Parser {
  private index = 0;
  private readonly last: Token;

  constructor(private readonly tokens: readonly Token[]) {
    this.last = tokens.at(-1) ?? { kind: 'end', text: '', at: 0 };
  }

  any(depth: number): Syntax {
    return this.joined('any', '|', () => this.joined('all', '&', () => this.operand(depth)));
  }

  end(): void {
    const { kind, at } = this.peek();
    if (kind === ')') throw new Refused(at, "this ')' closes nothing");
  }

  private joined(kind: 'all' | 'any', sign: '&' | '|', part: () => Syntax): Syntax {
    const first = part();
    const of = [first];
    while (this.peek().kind === sign) {
      this.take();
      of.push(part());
    }
    return of.length === 1 ? first : { kind, of, at: first.at };
  }

  private operand(depth: number): Syntax {
    const token = this.take();
    if (depth <= 0) throw new Refused(token.at, 'nested too deeply');
    if (token.kind === '(') return this.inside(token.at, depth);
    if (token.kind !== 'word') throw new Refused(token.at, this.expected(token));
    if (token.quoted) throw new Refused(token.at, "a tag's name stands without quotes");
    if (token.text === 'not') {
      if (this.peek().kind === 'end')
        throw new Refused(token.at, "after 'not' comes what must not be: not virtual");
      return { kind: 'not', of: this.operand(depth - 1), at: token.at };
    }
    return { kind: 'item', name: token, parts: this.parts(), at: token.at };
  }

  private inside(at: number, depth: number): Syntax {
    if (this.peek().kind === ')') {
      this.take();
      return { kind: 'all', of: [], at };
    }
    const tree = this.any(depth - 1);
    if (this.take().kind !== ')') throw new Refused(at, "this '(' is never closed");
    return tree;
  }

  private parts(): readonly Part[] {
    const parts: Part[] = [];
    for (;;) {
      const token = this.peek();
      if (token.kind === 'end' || token.kind === ')' || token.kind === '&' || token.kind === '|')
        return parts;
      if (token.kind === '(')
        throw new Refused(token.at, "before '(' comes '&', '|' or 'not'; a value with '(' stands in quotes");
      parts.push(this.part(token, parts.at(-1)));
    }
  }

  private part(token: Exclude<Token, { kind: 'end' }>, before: Part | undefined): Part {
    const { at } = token;
    this.take();
    if (token.kind === '@')
      return { kind: 'place', place: this.word("after '@' comes a place: @ 01:00.0"), at };
    if (token.kind === 'sign') {
      const attribute = before?.kind === 'test' ? before.attribute : undefined;
      const value = this.word(`after '${token.text}' comes a value`);
      return {
        kind: 'test',
        operator: token.text,
        value,
        at,
        ...(attribute === undefined ? {} : { attribute }),
      };
    }
    if (token.kind !== 'word') throw new Refused(at, this.expected(token));
    const next = this.peek();
    if (next.kind === 'sign' && !token.quoted) {
      this.take();
      const value = this.word(`after '${next.text}' comes a value`);
      return { kind: 'test', attribute: token, operator: next.text, value, at };
    }
    if (token.text === 'x' && !token.quoted) return { kind: 'count', count: this.count(), at };
    return { kind: 'word', word: token, at };
  }

  private word(expected: string): Word {
    const token = this.take();
    if (token.kind !== 'word') throw new Refused(token.at, expected);
    return token;
  }

  private count(): number {
    const { text, at } = this.word("after 'x' comes how many: x 2");
    const count = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > MOST_COUNT)
      throw new Refused(at, `'${shown(text)}' is not how many: a whole number from 1 to ${MOST_COUNT}`);
    return count;
  }

  private expected(token: Token): string {
    const found = token.kind === 'end' ? 'the item ends' : `'${token.text}' stands`;
    return `${found} where a tag is expected`;
  }

  private peek(): Token {
    return this.tokens[this.index] ?? this.last;
  }

  private take(): Token {
    const token = this.peek();
    this.index += 1;
    return token;
  }
}
