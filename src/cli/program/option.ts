import { InvalidArgumentError } from 'commander';
import { artefactOf, type WantedArtefact } from '../artefact.js';

/** A whole number. */
export function integer(text: string): number {
  if (!/^-?[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

/** A whole number from 1. */
export function atLeastOne(text: string): number {
  const number = integer(text);
  if (number < 1) throw new InvalidArgumentError('It is a whole number from 1.');
  return number;
}

/** `a,b,c`. */
export function list(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}

/** An option that can be there several times. */
export function gather(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function pairs(text: string): Record<string, string> {
  const read = text.split(',').map((part): [string, string] => {
    const equals = part.indexOf('=');
    if (equals < 1) throw new InvalidArgumentError(`'${part}' is not NAME=value.`);
    return [part.slice(0, equals).trim(), part.slice(equals + 1)];
  });
  return Object.fromEntries(read);
}

/** `K=V,...`, several times. */
export function gatherVariant(text: string, before: readonly Record<string, string>[] = []) {
  return [...before, pairs(text)];
}

/** `NAME=value`, several times; all behind the first '=' is the value. */
export function gatherParam(text: string, before: Readonly<Record<string, string>> = {}) {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError(`'${text}' is not NAME=value.`);
  return { ...before, [text.slice(0, equals).trim()]: text.slice(equals + 1) };
}

/** `NAME=a,b,...`, several times. */
export function gatherAxes(text: string, before: Readonly<Record<string, string[]>> = {}) {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError(`'${text}' is not NAME=value,value.`);
  const name = text.slice(0, equals).trim();
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`'${name}' is there twice.`);
  return { ...before, [name]: text.slice(equals + 1).split(',') };
}

/** `name=url` or `name=path`, several times. */
export function gatherArtefacts(text: string, before: readonly WantedArtefact[] = []) {
  const artefact = artefactOf(text);
  if (artefact === undefined)
    throw new InvalidArgumentError(`'${text}' is not name=url, nor name= and a file that is there.`);
  return [...before, artefact];
}

/** What `each` is. */
export function eachOf(text: string): 'host' | 'host_type' {
  if (text !== 'host' && text !== 'host-type') throw new InvalidArgumentError("It is 'host' or 'host-type'.");
  return text === 'host' ? 'host' : 'host_type';
}

/** `NAME=value`, several times. */
export function gatherPairs(text: string, before: Readonly<Record<string, string>> = {}) {
  return { ...before, ...pairs(text) };
}

/** `12h` or `90d`, in seconds. */
export function spanS(text: string): number {
  const match = /^([0-9]{1,6})([smhd])$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It is a time such as 12h or 90d.');
  return Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] as 's' | 'm' | 'h' | 'd'];
}
