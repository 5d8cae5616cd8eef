import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, Readable, Writable } from 'node:stream';
import ssh2, { Client, type ClientChannel, type ServerHostKeyAlgorithm } from 'ssh2';
import type { SshLogin } from '../domain/inventory.js';
import {
  Shell,
  type ShellConnection,
  ShellError,
  type ShellExit,
  type ShellProcess,
  type ShellTarget,
} from '../ports/shell.js';

/** How often a quiet connection is asked whether it is still there, and how many silences end it. */
export interface KeepAlive {
  readonly intervalMs: number;
  readonly misses: number;
}

/**
 * Linux takes no longer argument than 128 KiB: a longer command would end with an exit code that looks like its
 * own, and from 256 KiB sshd drops the connection.
 */
const longestLine = 128 * 1024 - 1;

/** What ssh2 adds to the errors it emits: at which level the connection failed. */
type Ssh2Error = Error & { readonly level?: string };

/** The signature algorithms by which a host proves that it has a key of a type. */
export const algorithmsOfKeyType: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  // SHA-1 comes last: old boards know nothing else, and the key itself is pinned.
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};

/**
 * Reaches hosts over ssh, over jump hosts where there are some, with public keys on all sides. The host's sshd bounds how many commands may run
 * at once on one connection (MaxSessions, 10 unless it says otherwise).
 */
export class SshShell extends Shell {
  constructor(private readonly keepAlive: KeepAlive = { intervalMs: 15_000, misses: 3 }) {
    super();
  }

  override async connect(target: ShellTarget, timeoutMs: number): Promise<ShellConnection> {
    const { host, transport } = target;
    if (transport.kind !== 'ssh') {
      throw new ShellError('unsupported', `${host}: transport '${transport.kind}' is not ssh`);
    }
    const deadline = performance.now() + timeoutMs;
    const { client, socket, place } = await this.logIn(host, transport, deadline);
    return new SshConnection(place, client, socket);
  }

  /** Logs in, over the machines between, each of which is another's way. */
  private async logIn(host: string, login: SshLogin, deadline: number): Promise<LoggedIn> {
    const pinned = pinnedKeys(host, login.hostKeys);
    const privateKey = await readPrivateKey(host, login.keyFile);
    const place = `${host} (${login.user}@${login.address}:${login.port})`;
    const socket = await this.wayTo(host, login, deadline);
    const client = await handshake(place, login, pinned, privateKey, this.keepAlive, deadline, socket);
    return { client, socket, place };
  }

  private async wayTo(host: string, { address, port, jump }: SshLogin, deadline: number): Promise<Duplex> {
    // A command takes 5 ms instead of 49 without Nagle's algorithm.
    if (jump === undefined) return connectSocket({ host: address, port, noDelay: true });
    const between = await this.logIn(`${host}'s jump host`, jump, deadline);
    return tunnel(between, address, port, deadline);
  }
}

/** A client that is logged in, and what carries it. */
interface LoggedIn {
  readonly client: Client;
  readonly socket: Duplex;
  readonly place: string;
}

/** Opens a way on from a machine between; when the way is closed, so is the login there. */
function tunnel({ client, socket, place }: LoggedIn, address: string, port: number, deadline: number) {
  return new Promise<Duplex>((resolve, reject) => {
    const leave = () => {
      client.end();
      socket.destroy();
    };
    const fail = (error: ShellError) => {
      clearTimeout(timer);
      leave();
      reject(error);
    };
    const on = `${place} has opened no way on to ${address}:${port}`;
    const timer = setTimeout(
      () => fail(new ShellError('timeout', `${on} in time`)),
      Math.max(deadline - performance.now(), 1),
    );
    client.on('error', (error) => fail(new ShellError('unreachable', `${place}: ${error.message}`)));
    client.once('close', () => fail(new ShellError('unreachable', `${place} closed the connection`)));
    client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
      if (error) return fail(new ShellError('unreachable', `${on}: ${error.message}`));
      clearTimeout(timer);
      channel.once('close', leave);
      // A machine between that dies leaves its channels open.
      client.once('close', () => channel.destroy());
      resolve(channel);
    });
  });
}

interface PinnedKey {
  readonly type: string;
  readonly blob: Buffer;
}

function pinnedKeys(host: string, lines: readonly string[]): readonly PinnedKey[] {
  if (lines.length === 0) throw new ShellError('host_key', `${host}: no host key is pinned`);
  return lines.map((line) => {
    const [type = '', encoded = ''] = line.trim().split(/\s+/);
    const blob = Buffer.from(encoded, 'base64');
    if (blob.length === 0 || !(type in algorithmsOfKeyType)) {
      throw new ShellError('host_key', `${host}: the pinned host key '${line}' is none that can be used`);
    }
    return { type, blob };
  });
}

async function readPrivateKey(host: string, keyFile: string): Promise<Buffer> {
  // The home is that of whoever runs the executor, wherever the inventory was written.
  const path = keyFile.startsWith('~/') ? join(homedir(), keyFile.slice(2)) : keyFile;
  const bytes = await readFile(path).catch((error: Error) => {
    throw new ShellError('authentication', `${host}: the private key cannot be read: ${error.message}`);
  });
  const key = ssh2.utils.parseKey(bytes);
  if (key instanceof Error) {
    throw new ShellError('authentication', `${host}: ${keyFile} is no usable private key: ${key.message}`);
  }
  if (!key.isPrivateKey()) {
    throw new ShellError('authentication', `${host}: ${keyFile} holds a public key, not a private one`);
  }
  return bytes;
}

/** How OpenSSH writes a key's fingerprint, so that it can be compared with `ssh-keygen -l`. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function handshake(
  place: string,
  login: SshLogin,
  pinned: readonly PinnedKey[],
  privateKey: Buffer,
  keepAlive: KeepAlive,
  deadline: number,
  socket: Duplex,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let refusedKey: Buffer | undefined;
    const timeoutMs = Math.max(deadline - performance.now(), 1);
    const timer = setTimeout(
      () => fail(new ShellError('timeout', `${place} did not answer within ${Math.ceil(timeoutMs)} ms`)),
      timeoutMs,
    );
    const fail = (error: ShellError) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const onError = (error: Ssh2Error) => fail(connectError(place, login, pinned, refusedKey, error));
    const onClose = () => fail(new ShellError('unreachable', `${place} closed the connection`));
    client.on('error', onError).on('close', onClose);
    client.once('ready', () => {
      clearTimeout(timer);
      // Whoever takes the client hears of its errors; until then an error is no crash of ours.
      client
        .off('error', onError)
        .off('close', onClose)
        .on('error', () => {});
      resolve(client);
    });
    client.connect({
      sock: socket,
      username: login.user,
      privateKey,
      authHandler: ['publickey'],
      // Only the types that are pinned, so that a host with several keys shows the one we know.
      algorithms: { serverHostKey: pinned.flatMap((key) => [...(algorithmsOfKeyType[key.type] ?? [])]) },
      hostVerifier: (shown: Buffer) => {
        if (pinned.some((key) => key.blob.equals(shown))) return true;
        refusedKey = Buffer.from(shown);
        return false;
      },
      keepaliveInterval: keepAlive.intervalMs,
      keepaliveCountMax: keepAlive.misses,
      readyTimeout: 0,
    });
  });
}

function connectError(
  place: string,
  login: SshLogin,
  pinned: readonly PinnedKey[],
  refusedKey: Buffer | undefined,
  error: Ssh2Error,
): ShellError {
  const known = pinned.map((key) => `${key.type} ${fingerprint(key.blob)}`).join(', ');
  if (refusedKey) {
    return new ShellError(
      'host_key',
      `${place} showed the host key ${fingerprint(refusedKey)}, which is not pinned (pinned: ${known})`,
    );
  }
  if (error.level === 'handshake' && error.message.includes('host key')) {
    return new ShellError('host_key', `${place} has no host key of a pinned type (pinned: ${known})`);
  }
  if (error.level === 'client-authentication') {
    return new ShellError('authentication', `${place} refused the key ${login.keyFile}`);
  }
  // The kernel gave up before we did.
  if (error.message.includes('ETIMEDOUT')) return new ShellError('timeout', `${place}: ${error.message}`);
  return new ShellError('unreachable', `${place}: ${error.message}`);
}

class SshConnection implements ShellConnection {
  readonly ended: Promise<ShellError | undefined>;
  private closedByUs = false;
  private failure: Ssh2Error | undefined;
  private over = false;

  constructor(
    private readonly place: string,
    private readonly client: Client,
    private readonly socket: Duplex,
  ) {
    client.on('error', (error: Ssh2Error) => {
      this.failure ??= error;
      // ssh2 only half-closes after a protocol error, and a dead peer never closes its half.
      socket.destroy();
    });
    this.ended = new Promise((resolve) => {
      client.once('close', () => {
        this.over = true;
        resolve(this.closedByUs ? undefined : this.reason());
      });
    });
  }

  async start(command: string): Promise<ShellProcess> {
    // The user's login shell may be any shell; what it is handed is one quoted word.
    const line = `exec /bin/sh -c '${command.replaceAll("'", "'\\''")}'`;
    if (Buffer.byteLength(line) > longestLine) {
      const size = Buffer.byteLength(command);
      throw new ShellError('unsupported', `${this.place}: a command of ${size} bytes is too long; use stdin`);
    }
    return new Promise((resolve, reject) => {
      const refused = (error: Error) =>
        this.over || !this.socket.writable
          ? this.reason()
          : new ShellError('unreachable', `${this.place} did not start a command: ${error.message}`);
      try {
        this.client.exec(line, (error, channel) => {
          if (error) reject(refused(error));
          else resolve(this.process(channel));
        });
      } catch (error) {
        reject(refused(error instanceof Error ? error : new Error(String(error))));
      }
    });
  }

  close(): void {
    this.closedByUs = true;
    this.client.end();
    // A frozen host would never close its half, and the socket would stay.
    this.socket.destroy();
  }

  private reason(): ShellError {
    if (this.closedByUs) return new ShellError('lost', `${this.place}: we closed the connection`);
    if (this.failure?.level === 'client-timeout') {
      return new ShellError('timeout', `${this.place} answered no keep-alive any more`);
    }
    const detail = this.failure?.message ?? 'the host closed it';
    return new ShellError('lost', `${this.place}: the connection was lost: ${detail}`);
  }

  private process(channel: ClientChannel): ShellProcess {
    const whyLost = () => (this.over ? this.reason() : undefined);
    const noExit = () =>
      new ShellError('lost', `${this.place}: a command's session ended without an exit status`);
    return sshProcess(channel, whyLost, noExit);
  }
}

/** Makes a process of a channel; `whyLost` is asked when it has ended, `noExit` when it told no exit status. */
function sshProcess(
  channel: ClientChannel,
  whyLost: () => ShellError | undefined,
  noExit: () => ShellError,
): ShellProcess {
  shareOneWindow(channel);
  const stdin = writeEnd(channel);
  const stdout = readEnd(channel);
  const stderr = readEnd(channel.stderr);
  let status: ShellExit | undefined;
  let abandon = () => {};
  const exit = new Promise<ShellExit>((resolve, reject) => {
    abandon = () => {
      reject(new ShellError('lost', 'the command was abandoned'));
      channel.close();
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    };
    channel.once('exit', (code: number | null, signal?: string) => {
      status = code === null ? { kind: 'signalled', signal: signalName(signal) } : { kind: 'exited', code };
    });
    const gone = new Promise<ShellError | undefined>((settle) => {
      channel.once('close', () => {
        stdin.destroy();
        // An exit status whose connection broke before the channel was closed may have lost output: no exit.
        settle(whyLost());
      });
    });
    Promise.all([gone, closed(stdout), closed(stderr)]).then(([lost]) => {
      if (lost) reject(lost);
      else if (status) resolve(status);
      else reject(noExit());
    });
  });
  // Whoever started the command may have turned away; what it would have been told is no crash of ours.
  exit.catch(() => {});
  // A write that comes too late is answered by the destroyed `stdin`.
  channel.on('error', () => {});
  return { stdin, stdout, stderr, exit, abandon };
}

/**
 * Keeps stdout and stderr, which share the channel's one window, from filling memory: ssh2 reopens the window
 * as soon as one of the two is read, even while the other is full and waits for its reader.
 */
function shareOneWindow(channel: ClientChannel): void {
  const hasRoom = (stream: Readable) => stream.readableLength < stream.readableHighWaterMark;
  const reopen = channel._read.bind(channel);
  const share = (stream: Readable, other: Readable) => {
    const push = stream.push.bind(stream);
    stream.push = (chunk) => push(chunk) && hasRoom(other);
    // The stream that asks has room, though its length does not show it until the read is over.
    stream._read = (size) => {
      if (hasRoom(other)) reopen(size);
    };
  };
  share(channel, channel.stderr);
  share(channel.stderr, channel);
}

/** The bytes of `source`, as fast as they are read; a reader that destroys its end lets the rest go by unread. */
function readEnd(source: Readable): Readable {
  const onData = (bytes: Buffer) => {
    if (!end.push(bytes)) source.pause();
  };
  const end = new Readable({
    read: () => {
      source.resume();
    },
    destroy: (error, done) => {
      source.off('data', onData).resume();
      done(error);
    },
  });
  source.on('data', onData).once('end', () => end.push(null));
  return end;
}

/** The command's stdin; a command that ends without reading it leaves no writer waiting. */
function writeEnd(channel: ClientChannel): Writable {
  let waiting: ((error?: Error | null) => void) | undefined;
  return new Writable({
    write: (bytes: Buffer, _encoding, written) => {
      waiting = written;
      channel.write(bytes, (error) => {
        waiting = undefined;
        written(error);
      });
    },
    final: (done) => {
      channel.end();
      done();
    },
    destroy: (error, done) => {
      channel.end();
      waiting?.(error ?? new Error('the command reads no more'));
      done(error);
    },
  });
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', () => resolve());
  });
}

/** OpenSSH has no name for signals that RFC 4254 does not list. */
function signalName(signal: string | undefined): string {
  return signal === undefined || signal.includes('@') ? 'a signal without a name' : signal;
}
