import { SYSTEMD } from '../../domain/judge/lack.js';

/** What a line that was printed complains of; only a hint until the host itself has been asked. */
export type Complaint =
  /** By a shell or by what starts commands for others; `line` is that of the script in which it was called. */
  | { readonly of: 'command'; readonly name: string; readonly line?: number }
  | { readonly of: 'path'; readonly path: string }
  | { readonly of: 'space' }
  | { readonly of: 'permission'; readonly what: string };

const QUOTE = `['"\`‘’]?`;
const NAME = '([A-Za-z0-9_./+-][A-Za-z0-9_./+:@-]*)';

/** dash: `t.sh: 3: fio: not found`; bash: `t.sh: line 3: fio: command not found`; busybox: `t.sh: line 3: fio: not found`. */
const SHELL = new RegExp(`^[^:\\s][^:]*: (?:(?:line )?([0-9]+): )?${NAME}: (?:command )?not found$`);
/** bash, of a command that is called by its path. */
const BASH_PATH = /^[^:\s][^:]*: line ([0-9]+): (\/[^:]+): No such file or directory$/;
/** bash, of a script whose interpreter is not there. */
const BASH_SCRIPT =
  /^[^:\s][^:]*: (?:line ([0-9]+): )?(\/[^:]+): (?:cannot execute: required file not found|\S+: bad interpreter: No such file or directory)$/;
/** Programs that start others: env, timeout, nohup, nice, xargs, sudo, time, strace. */
const STARTER = new RegExp(
  `^(?:\\S*/)?(?:env|timeout|nohup|nice|ionice|chrt|taskset|xargs|time|setsid|stdbuf|strace|watch|sudo): (?:.*(?:command|run|execute|exec|stat) )?${QUOTE}${NAME}${QUOTE}: (?:No such file or directory|command not found|not found)$`,
);
const FOLDERS = /(?:^|[\s'"`‘(=:])(\/(?:dev|sys|proc|lib\/modules)\/[A-Za-z0-9_.,:@+\-/]+)/;
/** iproute2, ifconfig, ping: a network interface that is not there. */
const INTERFACE =
  /(?:^|\s)(?:Cannot find device|Device|SO_BINDTODEVICE:?|unknown iface:?) "?([A-Za-z][A-Za-z0-9_.-]{0,14})"?(?:$| does not exist|: No such device)|^([A-Za-z][A-Za-z0-9_.-]{0,14}): error fetching interface information/;
const ABSENT =
  /No such (?:file or directory|device)|(?:does not|doesn't) exist|nonexistent|cannot find|not found/i;
const FULL = /No space left on device|Disk quota exceeded|ENOSPC/;
const DENIED =
  /Permission denied|Operation not permitted|(?:must|need to|should) be (?:run as )?root|(?:requires?|as|need) root\b|not root\b|superuser/i;

/** Reads a line without its end; nothing where it complains of nothing that a host can lack. */
export function complaintOf(line: string): Complaint | undefined {
  if (line.length > 1000) return undefined;
  const shell = SHELL.exec(line);
  if (shell?.[2] !== undefined)
    return { of: 'command', name: shell[2], ...(shell[1] === undefined ? {} : { line: Number(shell[1]) }) };
  const script = BASH_SCRIPT.exec(line);
  if (script?.[2] !== undefined)
    return {
      of: 'command',
      name: script[2],
      ...(script[1] === undefined ? {} : { line: Number(script[1]) }),
    };
  const path = BASH_PATH.exec(line);
  if (path?.[2] !== undefined && !FOLDERS.test(path[2]))
    return { of: 'command', name: path[2], line: Number(path[1]) };
  const started = STARTER.exec(line);
  if (started?.[1] !== undefined) return { of: 'command', name: started[1] };
  if (FULL.test(line)) return { of: 'space' };
  const device = FOLDERS.exec(line);
  if (device?.[1] !== undefined && ABSENT.test(line))
    return { of: 'path', path: device[1].replace(/[.,:]+$/, '') };
  if (line.startsWith('System has not been booted with systemd as init system'))
    return { of: 'path', path: SYSTEMD };
  const network = INTERFACE.exec(line);
  const name = network?.[1] ?? network?.[2];
  if (name !== undefined) return { of: 'path', path: `/sys/class/net/${name}` };
  if (DENIED.test(line)) return { of: 'permission', what: line.trim().slice(0, 200) };
  return undefined;
}

/** A case as scripts print it before all are told at the end: `NAME pass`, `NAME fail 12.5 MB/s`. */
export function printedCase(line: string): { readonly name: string; readonly result: string } | undefined {
  const [, name, result] = /^(\S+)\s+(pass|fail|skip|unknown)(?:\s+\S+){0,2}\s*$/i.exec(line) ?? [];
  return name === undefined || result === undefined ? undefined : { name, result: result.toLowerCase() };
}
