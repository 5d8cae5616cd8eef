import { readFileSync } from 'node:fs';
import type { HandlerSpec } from '../domain/handler.js';
import { Fields, NAME } from './source-fields.js';
import { readYaml, shown } from './yaml-source.js';

const OWN = ['duration', 'sampler'] as const;
const PARAMETER = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/;

/** Reads the list of handlers; undefined: there are none. Throws with all that is wrong, and where. */
export function readHandlerList(file: string | undefined): ReadonlyMap<string, HandlerSpec> {
  if (file === undefined) return new Map();
  const yaml = readYaml(readFileSync(file, 'utf8'));
  if (!yaml.ok) throw wrongs(file, yaml.problems);
  const top = new Fields(yaml.root.kind === 'map' ? yaml.root.entries : [], ['handlers'], yaml.root.at);
  if (!top.has('handlers'))
    top.wrong(yaml.root.at, "here stands 'handlers:', and below it each handler by its name");
  const list = readHandlers(top);
  if (top.problems.length > 0) throw wrongs(file, top.problems);
  return list;
}

/** Reads what stands below `handlers:`, in a file of their own or in `grid.yaml`. */
export function readHandlers(top: Fields): ReadonlyMap<string, HandlerSpec> {
  const list = new Map<string, HandlerSpec>();
  const handlers = top.source('handlers');
  if (handlers === undefined) return list;
  if (handlers.kind !== 'map') {
    top.wrong(handlers.at, "below 'handlers:' stands each handler by its name");
    return list;
  }
  for (const { key, value } of handlers.entries) {
    if (!NAME.test(key)) top.wrong(value.at, `'${shown(key)}' is no name for a handler`);
    if (value.kind === 'map') {
      const fields = new Fields(value.entries, ['use', 'command', 'parameters', 'always'], value.at);
      list.set(key, readHandler(fields));
      top.problems.push(...fields.problems);
    } else top.wrong(value.at, `here stands what the handler is: 'use: duration', or 'command: [...]'`);
  }
  return list;
}

function readHandler(fields: Fields): HandlerSpec {
  const use = fields.has('use') ? fields.oneOf('use', OWN) : undefined;
  const command = fields.list('command').map(({ text }) => text);
  if (fields.has('use') === fields.has('command'))
    fields.wrong(fields.at(fields.has('use') ? 'use' : ''), "it is one of the two: 'use' or 'command'");
  return {
    ...(use === undefined ? {} : { use }),
    command,
    parameters: fields.texts('parameters', PARAMETER, 'a name for a parameter'),
    always: fields.flag('always') ?? false,
  };
}

function wrongs(
  file: string,
  problems: readonly { readonly message: string; readonly line?: number; readonly column?: number }[],
): Error {
  const lines = problems.map(
    ({ message, line, column }) => `${file}${line === undefined ? '' : `:${line}:${column}`}: ${message}`,
  );
  return new Error(lines.join('\n'));
}
